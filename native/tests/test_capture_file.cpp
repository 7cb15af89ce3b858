#include <fcntl.h>
#include <signal.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.hpp"
#include "flowedge/capture_file.hpp"
#include "memory_source.hpp"

using flowedge::kNoTime;
using flowedge::ReadStatus;
using Octets = std::vector<std::uint8_t>;

namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::uint32_t kMicroseconds = 0xa1b2c3d4, kNanoseconds = 0xa1b23c4d, kModified = 0xa1b2cd34;
constexpr std::uint32_t kSection = 0x0a0d0d0a;
constexpr std::uint32_t kInterface = 1, kOldPacket = 2, kSimple = 3, kNameResolution = 4, kEnhanced = 6;

/// Writes numbers in either byte order.
class Writer {
 public:
  explicit Writer(bool big) : big_(big) {}

  Writer& u8(std::uint8_t value) { return number(value, 1); }
  Writer& u16(std::uint16_t value) { return number(value, 2); }
  Writer& u32(std::uint32_t value) { return number(value, 4); }
  Writer& u64(std::uint64_t value) { return number(value, 8); }
  Writer& octets(const Octets& octets) {
    out.insert(out.end(), octets.begin(), octets.end());
    return *this;
  }
  Writer& pad() {
    while (out.size() % 4 != 0) out.push_back(0);
    return *this;
  }

  Octets out;

 private:
  Writer& number(std::uint64_t value, int size) {
    for (int i = 0; i < size; ++i) out.push_back(static_cast<std::uint8_t>(value >> 8 * (big_ ? size - 1 - i : i)));
    return *this;
  }

  bool big_;
};

Octets some_octets(std::size_t count) {
  Octets octets(count);
  for (std::size_t i = 0; i < count; ++i) octets[i] = static_cast<std::uint8_t>(i * 7 + count);
  return octets;
}

Octets first(const Octets& octets, std::size_t count) {
  return {octets.begin(), octets.begin() + static_cast<std::ptrdiff_t>(std::min(count, octets.size()))};
}

/// The frames are compared as wholes: a difference in any field shows here.
void check_frames(const Reading& reading, const std::vector<Seen>& expected) {
  CHECK_EQ(reading.frames.size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    CHECK_EQ(reading.frames[i].time_ns, expected[i].time_ns);
    CHECK_EQ(reading.frames[i].link_type, expected[i].link_type);
    CHECK_EQ(reading.frames[i].octets.size(), expected[i].octets.size());
    CHECK(reading.frames[i] == expected[i]);
  }
}

class Pcap {
 public:
  explicit Pcap(std::uint32_t magic = kMicroseconds, bool big = false, std::uint32_t snaplen = 65535,
                std::uint32_t link_type = 1)
      : modified_(magic == kModified), writer_(big) {
    writer_.u32(magic).u16(2).u16(4).u32(0).u32(0).u32(snaplen).u32(link_type);
  }
  Pcap& packet(std::uint32_t seconds, std::uint32_t fraction, const Octets& octets, std::uint32_t on_wire) {
    return record(seconds, fraction, static_cast<std::uint32_t>(octets.size()), octets, on_wire);
  }
  Pcap& record(std::uint32_t seconds, std::uint32_t fraction, std::uint32_t captured, const Octets& octets,
               std::uint32_t on_wire) {
    writer_.u32(seconds).u32(fraction).u32(captured).u32(on_wire);
    if (modified_) writer_.u32(3).u16(0x800).u8(0).u8(0);
    writer_.octets(octets);
    return *this;
  }
  const Octets& octets() const { return writer_.out; }

 private:
  bool modified_;
  Writer writer_;
};

class Pcapng {
 public:
  Pcapng& section(bool big = false) {
    big_ = big;
    return block(kSection, Writer(big).u32(0x1a2b3c4d).u16(1).u16(0).u64(UINT64_MAX).out);
  }
  Pcapng& interface(std::uint16_t link_type, std::uint32_t snaplen = 0, const Octets& options = {}) {
    return block(kInterface, Writer(big_).u16(link_type).u16(0).u32(snaplen).octets(options).out);
  }
  Pcapng& interface_with_time(std::uint8_t resolution, std::int64_t offset) {
    Writer options(big_);
    options.u16(2).u16(3).octets({'e', 't', 'h'}).u8(0);
    options.u16(9).u16(1).u8(resolution).pad();
    options.u16(14).u16(8).u64(static_cast<std::uint64_t>(offset)).u16(0).u16(0);
    return interface(1, 0, options.out);
  }
  Pcapng& enhanced(std::uint32_t number, std::uint64_t time, const Octets& octets, std::uint32_t on_wire) {
    return block(kEnhanced, packet_body(Writer(big_).u32(number).out, time, octets, on_wire));
  }
  Pcapng& old_packet(std::uint16_t number, std::uint64_t time, const Octets& octets, std::uint32_t on_wire) {
    return block(kOldPacket, packet_body(Writer(big_).u16(number).u16(99).out, time, octets, on_wire));
  }
  Pcapng& simple(const Octets& octets, std::uint32_t on_wire) {
    return block(kSimple, Writer(big_).u32(on_wire).octets(octets).pad().out);
  }
  Pcapng& block(std::uint32_t type, const Octets& body) {
    const std::uint32_t length = static_cast<std::uint32_t>(body.size()) + 12;
    return raw(Writer(big_).u32(type).u32(length).octets(body).u32(length).out);
  }
  Pcapng& raw(const Octets& octets) {
    out_.insert(out_.end(), octets.begin(), octets.end());
    return *this;
  }
  const Octets& octets() const { return out_; }

 private:
  Octets packet_body(const Octets& head, std::uint64_t time, const Octets& octets, std::uint32_t on_wire) const {
    Writer body(big_);
    body.octets(head).u32(static_cast<std::uint32_t>(time >> 32)).u32(static_cast<std::uint32_t>(time));
    return body.u32(static_cast<std::uint32_t>(octets.size())).u32(on_wire).octets(octets).pad().out;
  }

  bool big_ = false;
  Octets out_;
};

/// One of everything that is read.
Octets sample_pcapng() {
  Pcapng file;
  file.section().interface(1).interface_with_time(9, 10).interface(113, 20);
  file.enhanced(0, 5'000'001, some_octets(60), 60).block(kNameResolution, some_octets(40));
  file.enhanced(1, 7, some_octets(33), 1500).old_packet(2, 9'000'000, some_octets(21), 21);
  file.section(true).interface(101, 12).simple(some_octets(12), 40).enhanced(0, 1, some_octets(5), 5);
  return file.octets();
}

std::vector<Seen> sample_pcapng_frames() {
  return {{5'000'001'000, 60, 1, some_octets(60)},
          {10 * kSecond + 7, 1500, 1, some_octets(33)},
          {9 * kSecond, 21, 113, some_octets(21)},
          {kNoTime, 40, 101, some_octets(12)},
          {1000, 5, 101, some_octets(5)}};
}

Octets sample_pcap(std::uint32_t magic = kMicroseconds, bool big = false) {
  Pcap file(magic, big);
  return file.packet(1, 2, some_octets(60), 60)
      .packet(3, 4, some_octets(0), 9)
      .packet(5, 6, some_octets(33), 90)
      .octets();
}

std::int64_t read_time(std::uint8_t resolution, std::int64_t offset, std::uint64_t units) {
  Pcapng file;
  const Reading reading =
      read_all(file.section().interface_with_time(resolution, offset).enhanced(0, units, {1}, 1).octets());
  CHECK_EQ(reading.frames.size(), 1U);
  return reading.frames[0].time_ns;
}

}  // namespace

TEST(pcap_variants) {
  for (const std::uint32_t magic : {kMicroseconds, kNanoseconds, kModified}) {
    for (const bool big : {false, true}) {
      const Reading reading = read_all(sample_pcap(magic, big));
      const std::int64_t unit = magic == kNanoseconds ? 1 : 1000;
      check_frames(reading, {{kSecond + 2 * unit, 60, 1, some_octets(60)},
                             {3 * kSecond + 4 * unit, 9, 1, {}},
                             {5 * kSecond + 6 * unit, 90, 1, some_octets(33)}});
      CHECK(reading.status == ReadStatus::end);
      CHECK_EQ(reading.problem, std::string());
    }
  }
}

TEST(pcap_without_packets) {
  const Reading reading = read_all(Pcap().octets());
  CHECK(reading.status == ReadStatus::end);
  CHECK(reading.frames.empty());
  CHECK_EQ(reading.octets_read, 24U);
}

TEST(pcap_link_type_has_sixteen_bits_and_fractions_may_exceed_a_second) {
  Pcap file(kMicroseconds, false, 65535, 0x14000071);
  check_frames(read_all(file.packet(UINT32_MAX, UINT32_MAX, {1}, 1).octets()),
               {{4294967295 * kSecond + 4294967295 * 1000, 1, 0x71, {1}}});
}

TEST(pcap_cut_at_every_octet) {
  const Octets whole = sample_pcap();
  const Octets payload[] = {some_octets(60), {}, some_octets(33)};
  for (std::size_t size = 24; size < whole.size(); ++size) {
    const Reading reading = read_all(first(whole, size));
    std::size_t at = 24, count = 0;
    while (count < 3 && at + 16 <= size) {
      CHECK(reading.frames.at(count).octets == first(payload[count], size - at - 16));
      at += 16 + payload[count++].size();
    }
    CHECK_EQ(reading.frames.size(), count);
    CHECK(reading.status == (at == size ? ReadStatus::end : ReadStatus::cut_short));
    CHECK_EQ(reading.problem.empty(), at == size);
  }
}

TEST(heads_that_are_not_there) {
  CHECK(read_all(Octets()).status == ReadStatus::empty);
  for (std::size_t size = 1; size < 4; ++size) {
    CHECK(read_all(first(sample_pcap(), size)).status == ReadStatus::not_a_capture);
  }
  for (std::size_t size = 4; size < 24; ++size) {
    CHECK(read_all(first(sample_pcap(), size)).status == ReadStatus::cut_short);
  }
  CHECK_EQ(read_all(first(sample_pcap(), 20)).problem,
           std::string("cut short: it ends within the file header at octet 0"));
}

TEST(other_files_are_named) {
  const auto problem = [](const Octets& octets) {
    const Reading reading = read_all(octets);
    CHECK(reading.status == ReadStatus::not_a_capture);
    return reading.problem;
  };
  CHECK_EQ(problem({0x1f, 0x8b, 8, 0, 0}), std::string("neither pcap nor pcapng, but gzip data"));
  CHECK_EQ(problem({0xfd, '7', 'z', 'X', 'Z', 0}), std::string("neither pcap nor pcapng, but xz data"));
  CHECK_EQ(problem({0x28, 0xb5, 0x2f, 0xfd}), std::string("neither pcap nor pcapng, but zstd data"));
  CHECK_EQ(problem({'t', 'e', 'x', 't'}), std::string("neither pcap nor pcapng (it begins with 74 65 78 74)"));
}

TEST(pcap_record_that_claims_too_much) {
  const auto status = [](std::uint32_t snaplen, std::uint32_t captured) {
    Pcap file(kMicroseconds, false, snaplen);
    const Reading reading = read_all(
        file.packet(1, 0, some_octets(9), 9).record(2, 0, captured, some_octets(captured % 1000000), 1).octets());
    CHECK_EQ(reading.frames.size(), reading.status == ReadStatus::malformed ? 1U : 2U);
    return reading.status;
  };
  CHECK(status(65535, 262144) == ReadStatus::end);
  CHECK(status(65535, 262145) == ReadStatus::malformed);
  CHECK(status(262145, 262145) == ReadStatus::end);
  CHECK(status(UINT32_MAX, 16 << 20) == ReadStatus::cut_short);
  CHECK(status(UINT32_MAX, (16 << 20) + 1) == ReadStatus::malformed);
  CHECK(status(UINT32_MAX, UINT32_MAX) == ReadStatus::malformed);

  Pcap file;
  CHECK_EQ(read_all(file.record(2, 0, 3'000'000'000, some_octets(9), 1).octets()).problem,
           std::string("damaged: the packet record at octet 24 claims 3000000000 octets"));
}

TEST(records_larger_than_the_first_buffer) {
  Pcap pcap(kMicroseconds, false, 4 << 20);
  Pcapng pcapng;
  const Octets large = some_octets(3 << 20);
  pcap.packet(1, 0, {1}, 1).packet(2, 0, large, 7).packet(3, 0, {3}, 1);
  pcapng.section().interface(1).enhanced(0, 1'000'000, {1}, 1).enhanced(0, 2'000'000, large, 7);
  pcapng.enhanced(0, 3'000'000, {3}, 1);
  for (const Octets& octets : {pcap.octets(), pcapng.octets()}) {
    MemorySource source(octets, 100'000);
    check_frames(read_all(source), {{kSecond, 1, 1, {1}}, {2 * kSecond, 7, 1, large}, {3 * kSecond, 1, 1, {3}}});
  }
}

TEST(a_claimed_length_costs_no_memory) {
  Pcap pcap(kMicroseconds, false, UINT32_MAX);
  Pcapng pcapng;
  pcap.record(1, 0, 16 << 20, {1}, 1);
  pcapng.section().interface(1).raw(Writer(false).u32(kEnhanced).u32(16 << 20).u64(0).u64(0).u64(0).out);
  for (const Octets& octets : {pcap.octets(), pcapng.octets()}) {
    MemorySource source(octets);
    CHECK(read_all(source).status == ReadStatus::cut_short);
    CHECK(source.largest_room() <= 256U << 10);
  }
}

TEST(large_blocks_of_no_use_are_skipped_without_holding_them) {
  Pcapng file;
  file.section().interface(1).block(kNameResolution, Octets(40 << 20)).enhanced(0, 1, {1}, 1);
  MemorySource source(file.octets());
  check_frames(read_all(source), {{1000, 1, 1, {1}}});
  CHECK(source.largest_room() <= 256U << 10);
}

TEST(pcapng_every_block) {
  const Reading reading = read_all(sample_pcapng());
  check_frames(reading, sample_pcapng_frames());
  CHECK(reading.status == ReadStatus::end);
}

TEST(pcapng_cut_at_every_octet) {
  const Octets whole = sample_pcapng();
  const std::vector<Seen> all = sample_pcapng_frames();
  std::size_t most = 0;
  for (std::size_t size = 4; size < whole.size(); ++size) {
    const Reading reading = read_all(first(whole, size));
    for (std::size_t i = 0; i < reading.frames.size(); ++i) {
      const Octets& there = reading.frames[i].octets;
      const bool last = i + 1 == reading.frames.size();
      CHECK(last ? there == first(all[i].octets, there.size()) : reading.frames[i] == all[i]);
    }
    CHECK(reading.frames.size() >= most);  // one more octet never loses a packet
    most = reading.frames.size();
    CHECK(reading.status == ReadStatus::end || reading.status == ReadStatus::cut_short);
    CHECK_EQ(reading.problem.empty(), reading.status == ReadStatus::end);
  }
  CHECK_EQ(most, all.size());
}

TEST(pcapng_cut_packet_keeps_what_is_there) {
  Pcapng file;
  const Octets octets = file.section().interface(1).enhanced(0, 1, some_octets(60), 60).octets();
  const std::size_t data = octets.size() - 4 - 60;
  for (std::size_t left = 0; left < 64; ++left) {
    const Reading reading = read_all(first(octets, data + left));
    check_frames(reading, {{1000, 60, 1, first(some_octets(60), left)}});
    CHECK(reading.status == ReadStatus::cut_short);
  }
  CHECK(read_all(first(octets, data - 1)).frames.empty());
}

TEST(pcapng_times) {
  CHECK_EQ(read_time(6, 0, 1'600'000'000'123'456), 1'600'000'000'123'456'000);
  CHECK_EQ(read_time(9, 0, 1'600'000'000'123'456'789), 1'600'000'000'123'456'789);
  CHECK_EQ(read_time(0, -5, 3), -2 * kSecond);
  CHECK_EQ(read_time(3, -5, 3), -5 * kSecond + 3'000'000);
  CHECK_EQ(read_time(12, 1, 1'999), kSecond + 1);    // rounded down
  CHECK_EQ(read_time(12, -1, 1'999), -kSecond + 1);  // also before 1970
  CHECK_EQ(read_time(19, 0, UINT64_MAX), 1'844'674'407);
  CHECK_EQ(read_time(20, 0, UINT64_MAX), 184'467'440);
  CHECK_EQ(read_time(28, 0, UINT64_MAX), 1);
  CHECK_EQ(read_time(29, 7, UINT64_MAX), 7 * kSecond);
  CHECK_EQ(read_time(127, 7, UINT64_MAX), 7 * kSecond);
  CHECK_EQ(read_time(0x80, 0, 3), 3 * kSecond);
  CHECK_EQ(read_time(0x80 | 1, 0, 3), kSecond + kSecond / 2);
  CHECK_EQ(read_time(0x80 | 20, 0, (5ULL << 20) + 1), 5 * kSecond + 953);
  CHECK_EQ(read_time(0x80 | 63, 0, UINT64_MAX), 2 * kSecond - 1);
  CHECK_EQ(read_time(0x80 | 64, 0, UINT64_MAX), kSecond - 1);
  CHECK_EQ(read_time(0x80 | 127, 2, UINT64_MAX), 2 * kSecond);
}

TEST(pcapng_times_out_of_range) {
  CHECK_EQ(read_time(6, 0, UINT64_MAX), kNoTime);
  CHECK_EQ(read_time(0, INT64_MAX, UINT64_MAX), kNoTime);
  CHECK_EQ(read_time(6, INT64_MIN, 0), kNoTime);
  CHECK_EQ(read_time(0, 0, 9'223'372'036), kNoTime);
  CHECK_EQ(read_time(0, 0, 9'223'372'035), 9'223'372'035 * kSecond);
  CHECK_EQ(read_time(0, -9'223'372'035, 0), -9'223'372'035 * kSecond);
  CHECK_EQ(read_time(0, -9'223'372'036, 0), kNoTime);
  CHECK_EQ(read_time(0, INT64_MIN, (1ULL << 63) + 5), 5 * kSecond);  // huge numbers that cancel
  CHECK_EQ(read_time(0, INT64_MIN, (1ULL << 63) - 5), -5 * kSecond);
}

#ifdef __SIZEOF_INT128__
/// Every resolution against plain arithmetic in 128 bits.
TEST(pcapng_times_are_exact) {
  __extension__ using Wide = unsigned __int128;
  std::mt19937_64 random(1);
  for (int round = 0; round < 4000; ++round) {
    const bool binary = random() % 2;
    const unsigned exponent = static_cast<unsigned>(random() % (binary ? 80 : 30));
    const std::uint64_t units = random() >> random() % 64;
    Wide unit = 1;
    for (unsigned i = 0; i < exponent; ++i) unit *= binary ? 2 : 10;
    const Wide ns = static_cast<Wide>(units) * kSecond / unit;
    const bool in_range = ns / kSecond <= 9'223'372'035;
    const std::uint8_t resolution = static_cast<std::uint8_t>(binary ? exponent | 0x80 : exponent);
    CHECK_EQ(read_time(resolution, 0, units), in_range ? static_cast<std::int64_t>(ns) : kNoTime);
  }
}
#endif

TEST(pcapng_interfaces_belong_to_their_section) {
  Pcapng file;
  file.section().interface(1).interface(113).enhanced(1, 0, {1}, 1);
  file.section().interface(101).enhanced(0, 0, {2}, 1).enhanced(1, 5, {3}, 1);
  file.section().enhanced(0, 0, {4}, 1).simple({5}, 1).old_packet(9, 0, {6}, 1);
  const Reading reading = read_all(file.octets());
  check_frames(reading, {{0, 1, 113, {1}},
                         {0, 1, 101, {2}},
                         {5000, 1, 0xffff, {3}},
                         {0, 1, 0xffff, {4}},
                         {kNoTime, 1, 0xffff, {5}},
                         {0, 1, 0xffff, {6}}});
}

TEST(pcapng_simple_packet_is_as_long_as_the_snaplen) {
  Pcapng file;
  file.section().interface(1, 8).simple(some_octets(8), 100).simple(some_octets(5), 5);
  file.section().interface(1, 0).simple(some_octets(9), 9);
  const Reading reading = read_all(file.octets());
  CHECK_EQ(reading.frames.size(), 3U);
  CHECK_EQ(reading.frames[0].octets.size(), 8U);
  CHECK_EQ(reading.frames[1].octets.size(), 5U);
  CHECK_EQ(reading.frames[2].octets.size(), 9U);
}

TEST(pcapng_forgives_lengths_that_disagree) {
  Pcapng file;
  file.section().interface(1).enhanced(0, 1, some_octets(8), 8);
  Octets octets = file.octets();
  octets.back() ^= 0x55;  // the copy of the length at the end
  Writer odd(false);      // a block of 43 octets that claims 1000 captured ones
  odd.u32(kEnhanced).u32(43).u32(0).u64(0).u32(1000).u32(1000).octets(some_octets(11)).u32(0);
  octets.insert(octets.end(), odd.out.begin(), odd.out.end());
  const Octets tail = Pcapng().enhanced(0, 2, {2}, 1).octets();
  octets.insert(octets.end(), tail.begin(), tail.end());
  const Reading reading = read_all(octets);
  check_frames(reading, {{1000, 8, 1, some_octets(8)}, {0, 1000, 1, some_octets(11)}, {2000, 1, 1, {2}}});
  CHECK(reading.status == ReadStatus::end);
}

TEST(pcapng_contradictions) {
  const auto problem = [](const Octets& bad) {
    Pcapng file;
    const Reading reading = read_all(file.section().interface(1).enhanced(0, 1, {1}, 1).raw(bad).octets());
    CHECK(reading.status == ReadStatus::malformed);
    CHECK_EQ(reading.frames.size(), 1U);
    const std::string start = "damaged: the block at octet 84 ";
    CHECK_EQ(reading.problem.substr(0, start.size()), start);
    return reading.problem.substr(start.size());
  };
  const auto head = [](std::uint32_t type, std::uint32_t length) {
    return Writer(false).u32(type).u32(length).octets(Octets(100)).out;
  };
  CHECK_EQ(problem(head(kNameResolution, 11)), std::string("claims to be shorter than a block can be"));
  CHECK_EQ(problem(head(kEnhanced, 0)), std::string("claims to be shorter than a block can be"));
  CHECK_EQ(problem(head(kEnhanced, 31)), std::string("is too short for a packet"));
  CHECK_EQ(problem(head(kSimple, 15)), std::string("is too short for a packet"));
  CHECK_EQ(problem(head(kEnhanced, (16 << 20) + 1)), std::string("claims 16777217 octets"));
  CHECK_EQ(problem(head(kInterface, 16)), std::string("does not describe an interface"));
  CHECK_EQ(problem(head(kInterface, UINT32_MAX)), std::string("claims 4294967295 octets"));
  CHECK_EQ(problem(head(kSection, 28)), std::string("starts a section without a byte order"));
}

TEST(pcapng_options_that_run_out_of_the_block) {
  Pcapng file;
  file.section().interface(1, 0, Writer(false).u16(9).u16(100).u8(9).pad().out).enhanced(0, 1, {1}, 1);
  check_frames(read_all(file.octets()), {{1000, 1, 1, {1}}});
}

TEST(pcapng_interfaces_are_bounded) {
  Pcapng file;
  file.section();
  for (int i = 0; i < 65537; ++i) file.interface(1);
  CHECK(read_all(file.octets()).status == ReadStatus::malformed);
}

TEST(the_pieces_of_the_input_do_not_matter) {
  for (const Octets& octets : {sample_pcap(), sample_pcap(kModified, true), sample_pcapng()}) {
    const Reading whole = read_all(octets);
    MemorySource by_one(octets, 1);
    CHECK(read_all(by_one) == whole);
    for (unsigned seed = 1; seed < 200; ++seed) {
      MemorySource in_pieces(octets, 1 + seed, seed);
      CHECK(read_all(in_pieces, 1 + seed % 5) == whole);
    }
  }
}

TEST(a_signal_gives_control_back) {
  const Octets octets = sample_pcap();
  MemorySource source(octets, 1, 7);
  const auto reader = flowedge::make_capture_reader(source);
  flowedge::Frame frame;
  bool interrupted = false;
  while (reader->status() == ReadStatus::more) {
    interrupted |= reader->next(&frame, 1) == 0 && reader->status() == ReadStatus::more;
  }
  CHECK(interrupted);
}

TEST(damage_of_any_kind_is_survived) {
  std::mt19937 random(1);
  for (int round = 0; round < 6000; ++round) {
    Octets octets = round % 3 == 0 ? sample_pcap(kNanoseconds, round % 2) : sample_pcapng();
    for (unsigned i = random() % 4 + 1; i > 0; --i) {
      octets[random() % octets.size()] = static_cast<std::uint8_t>(random() % 3 ? random() : random() % 2 * 255);
    }
    if (random() % 4 == 0) octets.resize(random() % octets.size());
    MemorySource in_pieces(octets, 50, random() | 1);
    CHECK(read_all(in_pieces) == read_all(octets));
  }
}

TEST(a_source_that_fails_loses_nothing_that_came_before) {
  const Octets whole = sample_pcap();
  const Octets octets = first(whole, whole.size() - 3);
  MemorySource source(octets);
  source.fail_at_end("gzip data end too early");
  const Reading reading = read_all(source);
  CHECK(reading.status == ReadStatus::read_failed);
  CHECK_EQ(reading.problem, std::string("gzip data end too early"));
  CHECK_EQ(reading.frames.size(), 3U);
  CHECK_EQ(reading.frames[2].octets.size(), 30U);
}

TEST(no_room_reads_nothing) {
  const Octets octets = sample_pcap();
  MemorySource source(octets);
  CHECK_EQ(flowedge::make_capture_reader(source)->next(nullptr, 0), 0U);
  CHECK_EQ(source.largest_room(), 0U);
}

TEST(descriptor_of_a_pipe) {
  const Octets octets = sample_pcapng();
  int ends[2];
  CHECK(pipe(ends) == 0);
  const pid_t child = fork();
  if (child == 0) {
    for (const std::uint8_t octet : octets) {
      if (write(ends[1], &octet, 1) != 1) _exit(1);
    }
    _exit(0);
  }
  close(ends[1]);
  fcntl(ends[0], F_SETFL, O_NONBLOCK);  // as a parent process may have left it
  const auto source = flowedge::make_descriptor_source(ends[0]);
  CHECK(read_all(*source) == read_all(octets));
  CHECK(source->problem().empty());
  waitpid(child, nullptr, 0);
  close(ends[0]);
}

TEST(descriptor_read_that_a_signal_interrupts) {
  struct sigaction action {};
  action.sa_handler = [](int) {};
  sigaction(SIGALRM, &action, nullptr);
  int ends[2];
  CHECK(pipe(ends) == 0);
  const auto source = flowedge::make_descriptor_source(ends[0]);
  for (const int flags : {0, O_NONBLOCK}) {
    fcntl(ends[0], F_SETFL, flags);
    const itimerval soon{{0, 0}, {0, 20'000}};
    setitimer(ITIMER_REAL, &soon, nullptr);
    std::uint8_t octet;
    CHECK_EQ(source->read(&octet, 1), -2);
  }
  close(ends[0]);
  close(ends[1]);
}

TEST(descriptor_that_cannot_be_read) {
  const int directory = open("/", O_RDONLY);
  const auto source = flowedge::make_descriptor_source(directory);
  const Reading reading = read_all(*source);
  CHECK(reading.status == ReadStatus::read_failed);
  CHECK_EQ(reading.problem, std::string("cannot be read: Is a directory"));
  close(directory);
}
