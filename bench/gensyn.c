// gensyn OUT.pcap PACKETS LIVE_FLOWS (min|imix|mem|flood) [SEED] [PACKETS_PER_SECOND]
//
// Writes a synthetic Ethernet/IPv4 capture; the same arguments give the same octets. LIVE_FLOWS slots are always busy.
// Every packet picks a slot (half of the picks uniform, half among "elephants": slots whose flow has 64 packets or
// more), emits that flow's next packet, and a finished flow makes room for a new 5-tuple.
//
// 70 % TCP (SYN, SYN/ACK, ACK, data both ways, FIN, FIN, ACK), 30 % UDP. Data packets a flow: Zipf, P(k) ~ k^-1.8,
// 1 to 50,000. Constant spacing. The IP checksum is right, those of TCP and UDP are 0.
//   min   every frame has 60 octets
//   imix  data frames have 60, 590 and 1514 octets at 7:4:1
//   mem   exactly LIVE_FLOWS flows of SYN, SYN/ACK, ACK without an end, interleaved; PACKETS is ignored
//   flood LIVE_FLOWS flows without an end take turns with every 100th packet; all others are SYNs of a new flow each
#include <arpa/inet.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
  kFin = 0x01,
  kSyn = 0x02,
  kPsh = 0x08,
  kAck = 0x10,
  kMaxDataPackets = 50000,
  kElephantPackets = 64,
  kTcpControlPackets = 6,
  kMemPacketsPerFlow = 3,
  kMemStride = 7919,
  kFloodStride = 100,
  kRecordHeader = 16,
  kEthernetHeader = 14,
  kIpHeader = 20,
  kTcpHeader = 20,
  kUdpHeader = 8,
  kMinFrame = 60,
  kMaxFrame = 1514,
};
static const uint64_t kStartSecond = 1600000000;
static const uint64_t kNanosPerSecond = 1000000000;

typedef enum { kMin, kImix, kMem, kFlood } Mix;

typedef struct {
  uint32_t client, server;
  uint16_t client_port, server_port;
  bool tcp;
  uint32_t packets, next;  // of the flow in all; number of its next one
  uint32_t sequence[2];    // by direction
} Flow;

typedef struct {
  bool from_server, data;
  uint8_t flags;
} Step;

typedef struct {
  Mix mix;
  uint64_t slots, packets, step_ns;
  Flow* flows;
  uint32_t hot_slots;
  uint32_t* hot;  // slots that held an elephant when they were noted
  Flow stranger;  // who is never heard of again
} Generator;

typedef struct {
  uint64_t started, completed, octets;
} Totals;

// xoroshiro128+ (Blackman and Vigna).
static uint64_t random_state[2];

static inline uint64_t rotate_left(uint64_t x, int k) {
  return x << k | x >> (64 - k);
}

static inline uint64_t random_u64(void) {
  uint64_t a = random_state[0], b = random_state[1], result = a + b;
  b ^= a;
  random_state[0] = rotate_left(a, 24) ^ b ^ (b << 16);
  random_state[1] = rotate_left(b, 37);
  return result;
}

static inline double random_unit(void) {
  return (double)(random_u64() >> 11) * 0x1p-53;
}

static void seed_random(uint64_t seed) {
  random_state[0] = seed * 0x9E3779B97F4A7C15ull + 1;
  random_state[1] = seed ^ 0xD1B54A32D192ED03ull;
  for (int i = 0; i < 20; i++) random_u64();
}

static double zipf_cdf[kMaxDataPackets];

static void make_zipf(void) {
  double total = 0;
  for (int i = 0; i < kMaxDataPackets; i++) zipf_cdf[i] = total += pow(i + 1, -1.8);
  for (int i = 0; i < kMaxDataPackets; i++) zipf_cdf[i] /= total;
}

static uint32_t random_zipf(void) {
  double u = random_unit();
  uint32_t low = 0, high = kMaxDataPackets - 1;
  while (low < high) {
    uint32_t middle = (low + high) / 2;
    if (zipf_cdf[middle] < u)
      low = middle + 1;
    else
      high = middle;
  }
  return low + 1;
}

static void start_flow(Flow* flow) {
  static const uint16_t kTcpPorts[8] = {443, 443, 443, 80, 8883, 1883, 22, 53};
  uint64_t r = random_u64();
  flow->client = 0x0a000000u | (uint32_t)(r & 0xffffff);
  flow->server = 0xac100000u | (uint32_t)((r >> 24) & 0xffff);
  flow->client_port = (uint16_t)(1024 + (r >> 40) % 64000);
  flow->tcp = random_unit() < 0.7;
  if (flow->tcp)
    flow->server_port = kTcpPorts[random_u64() & 7];
  else
    flow->server_port = random_u64() & 1 ? 53 : 443;
  flow->packets = random_zipf() + (flow->tcp ? kTcpControlPackets : 0);
  flow->next = 0;
  flow->sequence[0] = (uint32_t)random_u64();
  flow->sequence[1] = (uint32_t)random_u64();
}

static void make_open_ended(Flow* flow, uint64_t slot) {
  flow->tcp = true;
  flow->packets = UINT32_MAX;
  flow->client = 0x0a000000u | (uint32_t)(slot & 0xffffff);
  flow->client_port = (uint16_t)(1024 + slot % 60000);
}

static Flow* make_stranger(Generator* g, uint64_t packet) {
  g->stranger = (Flow){.tcp = true, .packets = UINT32_MAX, .server = 0xac100001u, .server_port = 443};
  g->stranger.client = 0x0b000000u | (uint32_t)(packet & 0xffffff);
  g->stranger.client_port = (uint16_t)(1024 + packet % 60000);
  return &g->stranger;
}

static void note_elephant(Generator* g, uint64_t slot) {
  if (g->flows[slot].packets >= kElephantPackets) g->hot[random_u64() % g->hot_slots] = (uint32_t)slot;
}

static bool fill_slots(Generator* g) {
  g->flows = calloc(g->slots, sizeof *g->flows);
  g->hot_slots = (uint32_t)(g->slots / 100 + 1);
  g->hot = malloc(g->hot_slots * sizeof *g->hot);
  if (!g->flows || !g->hot) return false;
  for (uint64_t i = 0; i < g->slots; i++) {
    start_flow(&g->flows[i]);
    if (g->mix == kMem || g->mix == kFlood) make_open_ended(&g->flows[i], i);
  }
  for (uint32_t i = 0; i < g->hot_slots; i++) g->hot[i] = (uint32_t)(random_u64() % g->slots);
  for (uint64_t i = 0; i < g->slots; i++) note_elephant(g, i);
  return true;
}

static inline uint64_t pick_slot(const Generator* g, uint64_t packet) {
  if (g->mix == kMem) return (packet % g->slots) * kMemStride % g->slots;
  if (g->mix == kFlood) return packet / kFloodStride % g->slots;
  return random_u64() & 1 ? random_u64() % g->slots : g->hot[random_u64() % g->hot_slots];
}

static inline Flow* pick_flow(Generator* g, uint64_t slot, uint64_t packet) {
  return g->mix == kFlood && packet % kFloodStride ? make_stranger(g, packet) : &g->flows[slot];
}

static inline Step data_step(void) {
  uint8_t flags = random_u64() & 3 ? kAck : kPsh | kAck;
  bool from_server = random_u64() % 5 < 3;
  return (Step){.from_server = from_server, .data = true, .flags = flags};
}

static inline Step next_step(const Flow* flow) {
  uint32_t i = flow->next, n = flow->packets;
  if (!flow->tcp) return (Step){.from_server = i & 1, .data = true};
  if (i == 0) return (Step){.flags = kSyn};
  if (i == 1) return (Step){.flags = kSyn | kAck, .from_server = true};
  if (i == 2) return (Step){.flags = kAck};
  if (i + 3 == n) return (Step){.flags = kFin | kAck};
  if (i + 2 == n) return (Step){.flags = kFin | kAck, .from_server = true};
  if (i + 1 == n) return (Step){.flags = kAck};
  return data_step();
}

static inline int frame_length(Mix mix, Step step) {
  if (mix != kImix || !step.data) return kMinFrame;
  int r = (int)(random_u64() % 12);
  return r < 7 ? kMinFrame : r < 11 ? 590 : kMaxFrame;
}

// Frames of the least length are padded, except behind a TCP data packet, which has 6 octets of payload.
static inline int ip_length(const Flow* flow, Step step, int frame) {
  if (frame == kMinFrame && flow->tcp && !step.data) return kIpHeader + kTcpHeader;
  return frame - kEthernetHeader;
}

static inline void put_u16(uint8_t* to, uint32_t value) {
  to[0] = (uint8_t)(value >> 8);
  to[1] = (uint8_t)value;
}

static inline void put_u32(uint8_t* to, uint32_t value) {
  uint32_t network_order = htonl(value);
  memcpy(to, &network_order, 4);
}

static inline void put_record_header(uint8_t* to, uint64_t ns, int frame) {
  uint32_t header[4] = {(uint32_t)(kStartSecond + ns / kNanosPerSecond), (uint32_t)(ns % kNanosPerSecond / 1000),
                        (uint32_t)frame, (uint32_t)frame};
  memcpy(to, header, sizeof header);
}

static inline void put_ethernet(uint8_t* to, bool from_server) {
  to[0] = 2;
  to[5] = from_server ? 1 : 2;
  to[6] = 2;
  to[11] = from_server ? 2 : 1;
  to[12] = 8;
}

static inline uint32_t ip_checksum(const uint8_t* ip) {
  uint32_t sum = 0;
  for (int i = 0; i < kIpHeader; i += 2) sum += (uint32_t)(ip[i] << 8 | ip[i + 1]);
  sum = (sum & 0xffff) + (sum >> 16);
  sum += sum >> 16;
  return ~sum & 0xffff;
}

static inline void put_ip(uint8_t* to, const Flow* flow, bool from_server, int length, uint64_t identification) {
  to[0] = 0x45;
  put_u16(to + 2, (uint32_t)length);
  put_u16(to + 4, (uint32_t)identification);
  to[6] = 0x40;  // don't fragment
  to[8] = 64;    // time to live
  to[9] = flow->tcp ? 6 : 17;
  put_u32(to + 12, from_server ? flow->server : flow->client);
  put_u32(to + 16, from_server ? flow->client : flow->server);
  put_u16(to + 10, ip_checksum(to));
}

static inline void put_ports(uint8_t* to, const Flow* flow, bool from_server) {
  put_u16(to, from_server ? flow->server_port : flow->client_port);
  put_u16(to + 2, from_server ? flow->client_port : flow->server_port);
}

static inline void put_tcp(uint8_t* to, Flow* flow, Step step, int payload) {
  put_u32(to + 4, flow->sequence[step.from_server]);
  put_u32(to + 8, step.flags & kAck ? flow->sequence[!step.from_server] : 0);
  to[12] = kTcpHeader / 4 << 4;
  to[13] = step.flags;
  put_u16(to + 14, 64240);  // window
  flow->sequence[step.from_server] += (uint32_t)payload + (step.flags & (kSyn | kFin) ? 1 : 0);
}

// The octets behind the headers are never written: they stay 0.
static inline int put_frame(uint8_t* to, const Generator* g, Flow* flow, uint64_t packet) {
  Step step = next_step(flow);
  int frame = frame_length(g->mix, step), length = ip_length(flow, step, frame);
  uint8_t* ip = to + kRecordHeader + kEthernetHeader;
  uint8_t* transport = ip + kIpHeader;
  put_record_header(to, packet * g->step_ns, frame);
  memset(to + kRecordHeader, 0, kMinFrame);
  put_ethernet(to + kRecordHeader, step.from_server);
  put_ip(ip, flow, step.from_server, length, packet);
  put_ports(transport, flow, step.from_server);
  if (flow->tcp)
    put_tcp(transport, flow, step, length - kIpHeader - kTcpHeader);
  else
    put_u16(transport + 4, (uint32_t)(length - kIpHeader));
  return kRecordHeader + frame;
}

static size_t write_file_header(FILE* out) {
  const uint32_t header[6] = {0xa1b2c3d4, 0x00040002, 0, 0, 65535, 1};
  return fwrite(header, 1, sizeof header, out);
}

static Totals generate(Generator* g, FILE* out) {
  static uint8_t record[kRecordHeader + kMaxFrame];
  Totals totals = {.octets = write_file_header(out)};
  for (uint64_t packet = 0; packet < g->packets; packet++) {
    uint64_t slot = pick_slot(g, packet);
    Flow* flow = pick_flow(g, slot, packet);
    if (flow->next == 0) totals.started++;
    totals.octets += fwrite(record, 1, (size_t)put_frame(record, g, flow, packet), out);
    if (++flow->next == flow->packets) {
      totals.completed++;
      start_flow(flow);
      note_elephant(g, slot);
    }
  }
  return totals;
}

static bool parse_mix(const char* name, Mix* mix) {
  static const char* const kNames[] = {"min", "imix", "mem", "flood"};
  for (int i = 0; i < 4; i++) {
    if (strcmp(name, kNames[i])) continue;
    *mix = (Mix)i;
    return true;
  }
  return false;
}

static int usage(void) {
  fputs("usage: gensyn OUT.pcap PACKETS LIVE_FLOWS (min|imix|mem|flood) [SEED] [PACKETS_PER_SECOND]\n", stderr);
  return 2;
}

static int write_capture(Generator* g, const char* path) {
  FILE* out = fopen(path, "wb");
  if (!out || setvbuf(out, NULL, _IOFBF, 1 << 22)) return perror(path), 1;
  Totals totals = generate(g, out);
  if (ferror(out) || fclose(out)) return perror(path), 1;
  fprintf(stderr, "%s packets %llu flows_started %llu flows_completed %llu file_bytes %llu span_s %.1f\n", path,
          (unsigned long long)g->packets, (unsigned long long)totals.started, (unsigned long long)totals.completed,
          (unsigned long long)totals.octets, (double)(g->packets * g->step_ns) / 1e9);
  return 0;
}

int main(int argc, char** argv) {
  Generator g = {0};
  if (argc < 5 || !parse_mix(argv[4], &g.mix)) return usage();
  g.slots = strtoull(argv[3], NULL, 0);
  g.packets = g.mix == kMem ? kMemPacketsPerFlow * g.slots : strtoull(argv[2], NULL, 0);
  if (!g.slots) return usage();
  seed_random(argc > 5 ? strtoull(argv[5], NULL, 0) : 1);
  g.step_ns = (uint64_t)(1e9 / (argc > 6 ? atof(argv[6]) : 1e5));
  make_zipf();
  if (!fill_slots(&g)) return perror("gensyn"), 1;
  return write_capture(&g, argv[1]);
}
