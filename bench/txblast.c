// txblast INTERFACE CAPTURE.pcap PACKETS_PER_SECOND SECONDS
//
// Sends the frames of a capture (pcap, octets in the machine's order) again and again through a packet socket, past the
// queueing discipline; meant for interfaces that nobody else uses. PACKETS_PER_SECOND 0: as fast as it goes.
// SECONDS 0: once through the capture.
//
// Prints one line of JSON at the end, and also when the interface goes away (then the exit code is 1): how many frames
// the interface took, and how long that was.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
  kFileHeader = 24,
  kRecordHeader = 16,
  kCapturedLengthAt = 8,
  kBurst = 64,  // frames in one system call
  kPauseNs = 20000,
};
static const uint32_t kMicroseconds = 0xa1b2c3d4, kNanoseconds = 0xa1b23c4d;
static const uint64_t kNanosPerSecond = 1000000000;

typedef struct {
  struct iovec* frames;
  size_t count;
} Capture;

typedef struct {
  uint64_t packets;  // to be sent at most; 0: no bound
  uint64_t ns;       // to go on for at most; 0: no bound
  double packets_per_ns;
} Plan;

static uint64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * kNanosPerSecond + (uint64_t)t.tv_nsec;
}

static uint32_t u32_at(const uint8_t* from) {
  uint32_t value;
  memcpy(&value, from, sizeof value);
  return value;
}

static const uint8_t* map_file(const char* path, size_t* size) {
  int file = open(path, O_RDONLY);
  struct stat status;
  if (file < 0 || fstat(file, &status)) return NULL;
  *size = (size_t)status.st_size;
  void* octets = mmap(NULL, *size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, file, 0);
  close(file);
  return octets == MAP_FAILED ? NULL : octets;
}

// Length of the record at an offset; 0 if it is not all there.
static size_t record_length(const uint8_t* octets, size_t size, size_t at) {
  if (size - at < kRecordHeader) return 0;
  size_t captured = u32_at(octets + at + kCapturedLengthAt);
  return captured <= size - at - kRecordHeader ? kRecordHeader + captured : 0;
}

static bool is_pcap(const uint8_t* octets, size_t size) {
  return size >= kFileHeader && (u32_at(octets) == kMicroseconds || u32_at(octets) == kNanoseconds);
}

static size_t count_records(const uint8_t* octets, size_t size) {
  size_t count = 0;
  for (size_t at = kFileHeader, length; (length = record_length(octets, size, at)); at += length) count++;
  return count;
}

static bool open_capture(const char* path, Capture* capture) {
  size_t size = 0;
  const uint8_t* octets = map_file(path, &size);
  if (!octets) return perror(path), false;
  capture->count = is_pcap(octets, size) ? count_records(octets, size) : 0;
  capture->frames = calloc(capture->count + 1, sizeof *capture->frames);
  if (!capture->count || !capture->frames) return fprintf(stderr, "%s: not a pcap file with frames\n", path), false;
  size_t at = kFileHeader;
  for (size_t i = 0; i < capture->count; i++) {
    size_t length = record_length(octets, size, at);
    capture->frames[i] = (struct iovec){(void*)(octets + at + kRecordHeader), length - kRecordHeader};
    at += length;
  }
  return true;
}

// Of protocol 0: it sends, and receives nothing.
static int open_socket(const char* interface) {
  int sender = socket(AF_PACKET, SOCK_RAW, 0), on = 1;
  struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex(interface)};
  if (sender < 0 || !address.sll_ifindex || bind(sender, (struct sockaddr*)&address, sizeof address) ||
      setsockopt(sender, SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof on))
    return perror(interface), -1;
  return sender;
}

static void pause_briefly(void) {
  nanosleep(&(struct timespec){.tv_nsec = kPauseNs}, NULL);
}

// How many frames are due: never more than a burst.
static unsigned due(const Plan* plan, uint64_t sent, uint64_t elapsed) {
  uint64_t frames = kBurst;
  if (plan->packets_per_ns > 0) {
    uint64_t target = (uint64_t)(plan->packets_per_ns * (double)elapsed);
    frames = target > sent ? target - sent : 0;
  }
  if (plan->packets && frames > plan->packets - sent) frames = plan->packets - sent;
  return frames < kBurst ? (unsigned)frames : kBurst;
}

// Sends the frames that follow the first `sent` ones of the endless row; how many were taken, or -1.
static int send_burst(int sender, const Capture* capture, uint64_t sent, unsigned count) {
  static struct mmsghdr burst[kBurst];
  for (unsigned i = 0; i < count; i++) {
    burst[i].msg_hdr.msg_iov = &capture->frames[(sent + i) % capture->count];
    burst[i].msg_hdr.msg_iovlen = 1;
  }
  int taken = sendmmsg(sender, burst, count, 0);
  if (taken >= 0) return taken;
  return errno == ENOBUFS || errno == EAGAIN ? 0 : -1;
}

static bool send_all(int sender, const Capture* capture, const Plan* plan, uint64_t* sent, uint64_t* elapsed) {
  uint64_t start = now_ns();
  for (;;) {
    *elapsed = now_ns() - start;
    if ((plan->packets && *sent == plan->packets) || (plan->ns && *elapsed >= plan->ns)) return true;
    unsigned count = due(plan, *sent, *elapsed);
    int taken = count ? send_burst(sender, capture, *sent, count) : 0;
    if (taken < 0) return perror("txblast"), false;
    if (taken == 0) pause_briefly();
    *sent += (uint64_t)taken;
  }
}

static int usage(void) {
  fputs("usage: txblast INTERFACE CAPTURE.pcap PACKETS_PER_SECOND SECONDS\n", stderr);
  return 2;
}

int main(int argc, char** argv) {
  Capture capture;
  if (argc != 5) return usage();
  if (!open_capture(argv[2], &capture)) return 1;
  int sender = open_socket(argv[1]);
  if (sender < 0) return 1;
  prctl(PR_SET_TIMERSLACK, 1UL);  // pauses are as short as they are asked to be
  double seconds = atof(argv[4]);
  Plan plan = {.packets = seconds > 0 ? 0 : capture.count,
               .ns = (uint64_t)(seconds * 1e9),
               .packets_per_ns = atof(argv[3]) / 1e9};
  uint64_t sent = 0, elapsed = 0;
  bool done = send_all(sender, &capture, &plan, &sent, &elapsed);
  printf("{\"sent\": %llu, \"wall_ns\": %llu}\n", (unsigned long long)sent, (unsigned long long)elapsed);
  return done ? 0 : 1;
}
