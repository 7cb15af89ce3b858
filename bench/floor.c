// floor MODE CAPTURE
//
// The least that a flow tool of this kind can do with a packet, to measure an engine against. Takes a microsecond pcap
// of this machine's byte order with Ethernet frames; prints one line of JSON, times of the loop alone.
//   mmap    map the file, walk the record headers
//   read    read(2) in blocks of 1 MiB, walk the record headers
//   parse   mmap, and parse Ethernet, VLAN, IP, TCP and UDP up to the hash of the 5-tuple
//   hashw   parse, and look up and update a flow with six Welford accumulators (lengths and inter-arrival times)
//   hashwp  hashw, sixteen packets at a time, their table and flow lines prefetched
// Flows are never closed: the 5-tuples of the whole capture stay in the table.
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
  kFileHeader = 24,
  kRecordHeader = 16,
  kReadBlock = 1 << 20,
  kMaxRecord = 1 << 17,
  kTableBits = 22,
  kBatch = 16,
  kCacheLine = 64,
  kTcp = 6,
  kUdp = 17,
};

typedef struct {
  uint64_t low[2], high[2];  // addresses, the lower endpoint first
  uint16_t low_port, high_port;
  uint8_t protocol, is_v6;
  uint16_t zero;
} Key;

typedef struct {
  Key key;
  uint64_t hash, time_us;
  uint32_t length;
  bool from_high;
  uint8_t flags;
} Packet;

typedef struct {
  double mean, m2, min, max;
  uint64_t count;
} Welford;

enum { kLengths = 0, kLengthsByDirection = 1, kGaps = 3, kGapsByDirection = 4, kAccumulators = 6 };

typedef struct {
  Key key;
  uint64_t first, last, last_by_direction[2], octets[2];
  uint32_t packets[2], flag_counts[8];
  uint32_t forward_from_high;
  Welford welford[kAccumulators];
} __attribute__((aligned(kCacheLine))) Flow;

typedef struct {
  uint32_t* tags;     // upper half of the hash, never 0; 0 is a free place
  uint32_t* indexes;  // into flows
  uint64_t mask;
  Flow* flows;
  uint64_t count;
} Table;

typedef struct {
  uint64_t packets, octets, other;
} Totals;

static inline uint64_t mix(uint64_t x) {
  x ^= x >> 32;
  x *= 0xd6e8feb86659fd93ull;
  x ^= x >> 29;
  x *= 0xd6e8feb86659fd93ull;
  return x ^ x >> 32;
}

static inline uint64_t hash_key(const Key* key) {
  uint64_t ports = (uint64_t)key->low_port << 32 | (uint64_t)key->high_port << 8 | key->protocol;
  uint64_t h =
      key->low[0] * 0x9E3779B97F4A7C15ull ^ key->high[0] * 0xC2B2AE3D27D4EB4Full ^ ports * 0x165667B19E3779F9ull;
  if (key->is_v6) h ^= key->low[1] * 0x27D4EB2F165667C5ull ^ key->high[1] * 0x85EBCA77C2B2AE63ull;
  return mix(h);
}

typedef struct {
  uint64_t source[2], destination[2];
  uint16_t source_port, destination_port;
} Endpoints;

static inline bool source_is_high(const Endpoints* e) {
  if (e->source[0] != e->destination[0]) return e->source[0] > e->destination[0];
  if (e->source[1] != e->destination[1]) return e->source[1] > e->destination[1];
  return e->source_port > e->destination_port;
}

static inline void set_key(Packet* packet, const Endpoints* e) {
  Key* key = &packet->key;
  packet->from_high = source_is_high(e);
  memcpy(key->low, packet->from_high ? e->destination : e->source, sizeof key->low);
  memcpy(key->high, packet->from_high ? e->source : e->destination, sizeof key->high);
  key->low_port = packet->from_high ? e->destination_port : e->source_port;
  key->high_port = packet->from_high ? e->source_port : e->destination_port;
  key->zero = 0;
}

static inline uint32_t get_u16(const uint8_t* p) {
  return (uint32_t)(p[0] << 8 | p[1]);
}

// Offset of the transport header, or 0.
static inline uint32_t parse_v4(const uint8_t* data, uint32_t captured, uint32_t at, Key* key, Endpoints* e) {
  const uint8_t* ip = data + at;
  if (at + 20 > captured || ip[0] >> 4 != 4) return 0;
  if ((ip[6] & 31) | ip[7]) return 0;  // a later fragment
  key->protocol = ip[9];
  key->is_v6 = 0;
  memcpy(e->source, ip + 12, 4);
  memcpy(e->destination, ip + 16, 4);
  return at + (ip[0] & 15u) * 4;
}

static inline uint32_t parse_v6(const uint8_t* data, uint32_t captured, uint32_t at, Key* key, Endpoints* e) {
  const uint8_t* ip = data + at;
  if (at + 40 > captured) return 0;
  key->protocol = ip[6];
  key->is_v6 = 1;
  memcpy(e->source, ip + 8, 16);
  memcpy(e->destination, ip + 24, 16);
  return at + 40;
}

static inline uint32_t parse_ip(const uint8_t* data, uint32_t captured, Key* key, Endpoints* e) {
  uint32_t at = 12, type = get_u16(data + at);
  for (int tags = 0; (type == 0x8100 || type == 0x88a8) && tags < 2; tags++) {
    at += 4;
    if (at + 2 > captured) return 0;
    type = get_u16(data + at);
  }
  if (type == 0x0800) return parse_v4(data, captured, at + 2, key, e);
  if (type == 0x86dd) return parse_v6(data, captured, at + 2, key, e);
  return 0;
}

static inline bool parse(const uint8_t* data, uint32_t captured, Packet* packet) {
  Endpoints e = {0};
  if (captured < 34) return false;
  uint32_t at = parse_ip(data, captured, &packet->key, &e);
  uint8_t protocol = packet->key.protocol;
  if (!at || (protocol != kTcp && protocol != kUdp) || at + 8 > captured) return false;
  if (protocol == kTcp && at + 14 > captured) return false;
  packet->flags = protocol == kTcp ? data[at + 13] : 0;
  memcpy(&e.source_port, data + at, 2);
  memcpy(&e.destination_port, data + at + 2, 2);
  set_key(packet, &e);
  packet->hash = hash_key(&packet->key);
  return true;
}

static bool make_table(Table* table) {
  const uint64_t places = 1ull << kTableBits;
  table->mask = places - 1;
  table->tags = calloc(places, sizeof *table->tags);
  table->indexes = calloc(places, sizeof *table->indexes);
  table->flows =
      mmap(NULL, places / 2 * sizeof(Flow), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return table->tags && table->indexes && table->flows != MAP_FAILED;
}

static Flow* append_flow(Table* table, const Packet* packet) {
  if (table->count > table->mask / 2) {
    fputs("floor: more 5-tuples than the table has room for\n", stderr);
    exit(1);
  }
  Flow* flow = &table->flows[table->count++];
  flow->key = packet->key;
  flow->first = packet->time_us;
  flow->forward_from_high = packet->from_high;
  return flow;
}

// A flow without packets is new.
static inline Flow* find_flow(Table* table, const Packet* packet) {
  const uint32_t tag = (uint32_t)(packet->hash >> 32) | 1;
  for (uint64_t i = packet->hash & table->mask;; i = (i + 1) & table->mask) {
    if (!table->tags[i]) {
      table->tags[i] = tag;
      table->indexes[i] = (uint32_t)table->count;
      return append_flow(table, packet);
    }
    Flow* flow = &table->flows[table->indexes[i]];
    if (table->tags[i] == tag && !memcmp(&flow->key, &packet->key, sizeof(Key))) return flow;
  }
}

static inline void add_value(Welford* w, double x) {
  if (!w->count) {
    w->min = w->max = x;
  } else {
    if (x < w->min) w->min = x;
    if (x > w->max) w->max = x;
  }
  w->count++;
  double from_mean = x - w->mean;
  w->mean += from_mean / (double)w->count;
  w->m2 += from_mean * (x - w->mean);
}

static inline void add_gaps(Flow* flow, const Packet* packet, int direction) {
  Welford* w = flow->welford;
  if (flow->packets[0] + flow->packets[1]) add_value(&w[kGaps], (double)(packet->time_us - flow->last));
  if (flow->packets[direction])
    add_value(&w[kGapsByDirection + direction], (double)(packet->time_us - flow->last_by_direction[direction]));
}

static inline void update_flow(Table* table, const Packet* packet) {
  Flow* flow = find_flow(table, packet);
  const int direction = packet->from_high != flow->forward_from_high;
  add_value(&flow->welford[kLengths], packet->length);
  add_value(&flow->welford[kLengthsByDirection + direction], packet->length);
  add_gaps(flow, packet, direction);
  flow->last = flow->last_by_direction[direction] = packet->time_us;
  flow->packets[direction]++;
  flow->octets[direction] += packet->length;
  for (int i = 0; i < 8; i++) flow->flag_counts[i] += packet->flags >> i & 1u;
}

// GCC takes a function that only prefetches for one without effect and drops its calls, unless they are inlined first.
#define PREFETCHES static inline __attribute__((always_inline)) void

PREFETCHES prefetch_place(const Table* table, const Packet* packet) {
  uint64_t i = packet->hash & table->mask;
  __builtin_prefetch(&table->tags[i]);
  __builtin_prefetch(&table->indexes[i]);
}

PREFETCHES prefetch_flow(const Table* table, const Packet* packet) {
  uint64_t i = packet->hash & table->mask;
  if (!table->tags[i]) return;
  const char* flow = (const char*)&table->flows[table->indexes[i]];
  for (size_t line = 0; line < sizeof(Flow); line += kCacheLine) __builtin_prefetch(flow + line, 1);
}

static void update_batch(Table* table, const Packet* packets, int count) {
  for (int i = 0; i < count; i++) prefetch_flow(table, &packets[i]);
  for (int i = 0; i < count; i++) update_flow(table, &packets[i]);
}

// What walk() does with a packet: a constant at each call, so that each mode gets a loop of its own.
typedef enum { kCount, kParse, kUpdate, kUpdateBatch } Work;

typedef struct {
  const uint8_t* at;
  const uint8_t* end;
} Records;

static inline const uint8_t* next_record(Records* records, uint32_t header[4]) {
  if (records->end - records->at < kRecordHeader) return NULL;
  memcpy(header, records->at, kRecordHeader);
  const uint8_t* data = records->at + kRecordHeader;
  if ((uint64_t)(records->end - data) < header[2]) return NULL;
  records->at = data + header[2];
  return data;
}

static inline __attribute__((always_inline)) void walk(Work work, Records* records, Table* table, Totals* totals) {
  Packet batch[kBatch];
  int waiting = 0;
  uint32_t header[4];  // seconds, microseconds, captured, on the wire
  for (const uint8_t* data; (data = next_record(records, header));) {
    Packet* packet = &batch[waiting];
    totals->packets++;
    totals->octets += header[2];
    if (work == kCount) continue;
    packet->time_us = header[0] * 1000000ull + header[1];
    packet->length = header[3];
    if (!parse(data, header[2], packet)) {
      totals->other++;
      continue;
    }
    if (work == kParse) __asm__ volatile("" ::"r"(packet->hash));  // it has a reader: the loop is not left out
    if (work == kUpdate) update_flow(table, packet);
    if (work != kUpdateBatch) continue;
    prefetch_place(table, packet);
    if (++waiting < kBatch) continue;
    update_batch(table, batch, kBatch);
    waiting = 0;
  }
  update_batch(table, batch, waiting);
}

typedef void Walk(Records*, Table*, Totals*);
static void walk_headers(Records* r, Table* t, Totals* n) {
  walk(kCount, r, t, n);
}
static void walk_parse(Records* r, Table* t, Totals* n) {
  walk(kParse, r, t, n);
}
static void walk_update(Records* r, Table* t, Totals* n) {
  walk(kUpdate, r, t, n);
}
static void walk_update_batch(Records* r, Table* t, Totals* n) {
  walk(kUpdateBatch, r, t, n);
}

static bool run_mapped(int file, Walk* walk_records, Table* table, Totals* totals) {
  struct stat status;
  if (fstat(file, &status) || status.st_size < kFileHeader) return false;
  size_t size = (size_t)status.st_size;
  uint8_t* octets = mmap(NULL, size, PROT_READ, MAP_PRIVATE, file, 0);
  if (octets == MAP_FAILED) return false;
  madvise(octets, size, MADV_SEQUENTIAL);
  Records records = {octets + kFileHeader, octets + size};
  walk_records(&records, table, totals);
  return true;
}

static bool run_read(int file, Table* table, Totals* totals) {
  static uint8_t block[kReadBlock + kMaxRecord];
  size_t held = 0;
  lseek(file, kFileHeader, SEEK_SET);
  for (ssize_t got; (got = read(file, block + held, kReadBlock)) > 0;) {
    Records records = {block, block + held + got};
    walk_headers(&records, table, totals);
    held = (size_t)(records.end - records.at);
    if (held > kMaxRecord) return false;
    memmove(block, records.at, held);
  }
  return true;
}

static bool run(const char* mode, int file, Table* table, Totals* totals) {
  if (!strcmp(mode, "read")) return run_read(file, table, totals);
  if (!strcmp(mode, "mmap")) return run_mapped(file, walk_headers, table, totals);
  if (!strcmp(mode, "parse")) return run_mapped(file, walk_parse, table, totals);
  if (!strcmp(mode, "hashw")) return run_mapped(file, walk_update, table, totals);
  if (!strcmp(mode, "hashwp")) return run_mapped(file, walk_update_batch, table, totals);
  return false;
}

static uint64_t now_ns(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void print_result(const char* mode, const Totals* totals, uint64_t flows, uint64_t wall_ns, uint64_t cpu_ns) {
  printf(
      "{\"mode\": \"%s\", \"packets\": %llu, \"octets\": %llu, \"other\": %llu, \"flows\": %llu, \"wall_ns\": %llu, "
      "\"cpu_ns\": %llu}\n",
      mode, (unsigned long long)totals->packets, (unsigned long long)totals->octets, (unsigned long long)totals->other,
      (unsigned long long)flows, (unsigned long long)wall_ns, (unsigned long long)cpu_ns);
}

int main(int argc, char** argv) {
  Table table = {0};
  Totals totals = {0};
  if (argc != 3) return fputs("usage: floor (mmap|read|parse|hashw|hashwp) CAPTURE\n", stderr), 2;
  if (!make_table(&table)) return perror("floor"), 1;
  uint64_t wall_ns = now_ns(CLOCK_MONOTONIC), cpu_ns = now_ns(CLOCK_PROCESS_CPUTIME_ID);
  int file = open(argv[2], O_RDONLY | O_CLOEXEC);
  if (file < 0) return perror(argv[2]), 1;
  if (!run(argv[1], file, &table, &totals)) return fprintf(stderr, "floor: cannot run %s on %s\n", argv[1], argv[2]), 1;
  wall_ns = now_ns(CLOCK_MONOTONIC) - wall_ns;
  cpu_ns = now_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu_ns;
  print_result(argv[1], &totals, table.count, wall_ns, cpu_ns);
  return 0;
}
