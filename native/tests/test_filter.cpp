#include <random>

#include "check.hpp"
#include "flowedge/filter.hpp"
#include "page_edge.hpp"
#if FLOWEDGE_HAVE_LIBPCAP
#include <pcap/pcap.h>
#endif

using flowedge::bpf_run;
using flowedge::bpf_valid;
using flowedge::BpfInstruction;
using flowedge::BpfProgram;
using flowedge::Frame;
using flowedge::PacketFilter;
using Octets = std::vector<std::uint8_t>;

namespace {

// Codes written out as bpf(4) adds them up.
constexpr std::uint16_t kLdImm = 0x00, kLdW = 0x20, kLdH = 0x28, kLdB = 0x30, kLdIndW = 0x40, kLdIndH = 0x48,
                        kLdIndB = 0x50, kLdMem = 0x60, kLdLen = 0x80;
constexpr std::uint16_t kLdxImm = 0x01, kLdxMem = 0x61, kLdxLen = 0x81, kLdxMsh = 0xb1;
constexpr std::uint16_t kSt = 0x02, kStx = 0x03;
constexpr std::uint16_t kAdd = 0x04, kSub = 0x14, kMul = 0x24, kDiv = 0x34, kOr = 0x44, kAnd = 0x54, kLsh = 0x64,
                        kRsh = 0x74, kNeg = 0x84, kMod = 0x94, kXor = 0xa4, kByX = 0x08;
constexpr std::uint16_t kJa = 0x05, kJeq = 0x15, kJgt = 0x25, kJge = 0x35, kJset = 0x45;
constexpr std::uint16_t kRet = 0x06, kRetX = 0x0e, kRetA = 0x16;
constexpr std::uint16_t kTax = 0x07, kTxa = 0x87;

/// The program's answer for the octets, which end at the end of a page.
std::uint32_t run(const BpfProgram& program, const Octets& octets = {}, std::uint32_t on_wire = 0) {
  CHECK(bpf_valid(program));
  const PageEdge edge(octets);
  return bpf_run(program, edge.data(), static_cast<std::uint32_t>(octets.size()), on_wire);
}

/// What `operation` makes of A and an operand, which must be the same from K and from X.
std::uint32_t alu(std::uint16_t operation, std::uint32_t a, std::uint32_t operand) {
  const std::uint16_t by_x = operation | kByX;
  const std::uint32_t from_x = run({{kLdxImm, 0, 0, operand}, {kLdImm, 0, 0, a}, {by_x, 0, 0, 0}, {kRetA, 0, 0, 0}});
  if (operand == 0 && (operation == kDiv || operation == kMod)) return from_x;
  CHECK_EQ(run({{kLdImm, 0, 0, a}, {operation, 0, 0, operand}, {kRetA, 0, 0, 0}}), from_x);
  return from_x;
}

bool jumps(std::uint16_t condition, std::uint32_t a, std::uint32_t operand) {
  const std::uint16_t by_x = condition | kByX;
  const BpfInstruction yes{kRet, 0, 0, 1}, no{kRet, 0, 0, 0};
  const bool from_x = run({{kLdxImm, 0, 0, operand}, {kLdImm, 0, 0, a}, {by_x, 1, 0, 0}, no, yes});
  CHECK_EQ(run({{kLdImm, 0, 0, a}, {condition, 0, 1, operand}, yes, no}), from_x ? 1U : 0U);
  return from_x;
}

/// A compiler for tests: the expression "len N" passes frames of at least N octets.
bool compile_length(const std::string& expression, std::uint16_t link_type, BpfProgram& program, std::string& problem) {
  if (link_type == 99 || expression.substr(0, 4) != "len ") {
    problem = "syntax error";
    return false;
  }
  const std::uint32_t least = static_cast<std::uint32_t>(std::stoul(expression.substr(4)));
  program = {{kLdLen, 0, 0, 0}, {kJge, 0, 1, least}, {kRet, 0, 0, 262144}, {kRet, 0, 0, 0}};
  return true;
}

Frame frame_of(const Octets& octets, std::uint16_t link_type = 1) {
  const std::uint32_t size = static_cast<std::uint32_t>(octets.size());
  return {octets.data(), 0, size, size, link_type};
}

}  // namespace

TEST(loads) {
  const Octets octets{0x8f, 0x02, 0x03, 0x04, 0x05};
  CHECK_EQ(run({{kLdW, 0, 0, 1}, {kRetA, 0, 0, 0}}, octets), 0x02030405U);
  CHECK_EQ(run({{kLdH, 0, 0, 3}, {kRetA, 0, 0, 0}}, octets), 0x0405U);
  CHECK_EQ(run({{kLdB, 0, 0, 0}, {kRetA, 0, 0, 0}}, octets), 0x8fU);
  CHECK_EQ(run({{kLdxImm, 0, 0, 1}, {kLdIndW, 0, 0, 0}, {kRetA, 0, 0, 0}}, octets), 0x02030405U);
  CHECK_EQ(run({{kLdxImm, 0, 0, 1}, {kLdIndH, 0, 0, 2}, {kRetA, 0, 0, 0}}, octets), 0x0405U);
  CHECK_EQ(run({{kLdxImm, 0, 0, 1}, {kLdIndB, 0, 0, 3}, {kRetA, 0, 0, 0}}, octets), 5U);
  CHECK_EQ(run({{kLdxMsh, 0, 0, 0}, {kRetX, 0, 0, 0}}, octets), 60U);
  CHECK_EQ(run({{kLdLen, 0, 0, 0}, {kRetA, 0, 0, 0}}, octets, 1500), 1500U);
  CHECK_EQ(run({{kLdxLen, 0, 0, 0}, {kRetX, 0, 0, 0}}, octets, 1500), 1500U);
}

TEST(loads_beyond_the_frame_refuse) {
  const Octets octets{1, 2, 3, 4, 5};
  const BpfInstruction yes{kRet, 0, 0, 1};
  CHECK_EQ(run({{kLdW, 0, 0, 2}, yes}, octets, 1500), 0U);
  CHECK_EQ(run({{kLdH, 0, 0, 4}, yes}, octets, 1500), 0U);
  CHECK_EQ(run({{kLdB, 0, 0, 5}, yes}, octets, 1500), 0U);
  CHECK_EQ(run({{kLdxMsh, 0, 0, 5}, yes}, octets, 1500), 0U);
  CHECK_EQ(run({{kLdB, 0, 0, UINT32_MAX}, yes}, octets, 1500), 0U);
  CHECK_EQ(run({{kLdW, 0, 0, UINT32_MAX - 1}, yes}, octets, 1500), 0U);
  CHECK_EQ(run({{kLdxImm, 0, 0, UINT32_MAX}, {kLdIndB, 0, 0, 1}, yes}, octets, 1500), 0U);  // no wrap to 0
  CHECK_EQ(run({{kLdB, 0, 0, 0}, yes}), 0U);
}

TEST(scratch_memory_starts_at_zero) {
  CHECK_EQ(run({{kLdMem, 0, 0, 15}, {kRetA, 0, 0, 0}}), 0U);
  CHECK_EQ(run({{kLdImm, 0, 0, 7}, {kSt, 0, 0, 15}, {kLdxMem, 0, 0, 15}, {kRetX, 0, 0, 0}}), 7U);
  CHECK_EQ(run({{kLdxImm, 0, 0, 9}, {kStx, 0, 0, 3}, {kLdMem, 0, 0, 3}, {kRetA, 0, 0, 0}}), 9U);
}

TEST(arithmetic) {
  CHECK_EQ(alu(kAdd, UINT32_MAX, 2), 1U);
  CHECK_EQ(alu(kSub, 1, 2), UINT32_MAX);
  CHECK_EQ(alu(kMul, 0x10001, 0x10001), 0x20001U);
  CHECK_EQ(alu(kDiv, 17, 5), 3U);
  CHECK_EQ(alu(kMod, 17, 5), 2U);
  CHECK_EQ(alu(kDiv, 17, 0), 0U);
  CHECK_EQ(alu(kMod, 17, 0), 0U);
  CHECK_EQ(alu(kOr, 12, 10), 14U);
  CHECK_EQ(alu(kAnd, 12, 10), 8U);
  CHECK_EQ(alu(kXor, 12, 10), 6U);
  CHECK_EQ(alu(kLsh, 3, 31), 0x80000000U);
  CHECK_EQ(alu(kRsh, 0x80000000U, 31), 1U);
  CHECK_EQ(alu(kLsh, 3, 32), 0U);
  CHECK_EQ(alu(kRsh, 3, UINT32_MAX), 0U);
  CHECK_EQ(alu(kNeg, 1, 0), UINT32_MAX);
}

TEST(registers) {
  CHECK_EQ(run({{kLdImm, 0, 0, 7}, {kTax, 0, 0, 0}, {kLdImm, 0, 0, 8}, {kRetX, 0, 0, 0}}), 7U);
  CHECK_EQ(run({{kLdxImm, 0, 0, 7}, {kTxa, 0, 0, 0}, {kRetA, 0, 0, 0}}), 7U);
}

TEST(jumps_compare_without_sign) {
  CHECK(jumps(kJeq, 5, 5) && !jumps(kJeq, 5, 6));
  CHECK(jumps(kJgt, UINT32_MAX, 1) && !jumps(kJgt, 5, 5));
  CHECK(jumps(kJge, 5, 5) && !jumps(kJge, 5, UINT32_MAX));
  CHECK(jumps(kJset, 6, 2) && !jumps(kJset, 6, 9));
  CHECK_EQ(run({{kJa, 0, 0, 1}, {kRet, 0, 0, 1}, {kRet, 0, 0, 2}}), 2U);
}

TEST(programs_that_are_not_valid) {
  const BpfInstruction yes{kRet, 0, 0, 1};
  CHECK(!bpf_valid({}));
  CHECK(!bpf_valid({{kLdImm, 0, 0, 1}}));             // runs out
  CHECK(!bpf_valid({{kJa, 0, 0, 1}, yes}));           // jumps past the end
  CHECK(!bpf_valid({{kJa, 0, 0, UINT32_MAX}, yes}));  // jumps back
  CHECK(!bpf_valid({{kJeq, 1, 0, 0}, yes}));
  CHECK(!bpf_valid({{kJeq, 0, 1, 0}, yes}));
  CHECK(bpf_valid({{kJeq, 0, 0, 0}, yes}));
  CHECK(!bpf_valid({{kDiv, 0, 0, 0}, yes}));
  CHECK(!bpf_valid({{kMod, 0, 0, 0}, yes}));
  CHECK(!bpf_valid({{kLdMem, 0, 0, 16}, yes}));
  CHECK(!bpf_valid({{kLdxMem, 0, 0, 16}, yes}));
  CHECK(!bpf_valid({{kSt, 0, 0, 16}, yes}));
  CHECK(!bpf_valid({{kStx, 0, 0, 16}, yes}));
  for (const std::uint16_t code :
       {0x18, 0x21, 0xa0, 0xb0, 0xc0, 0xe1, 0xa1, 0x38,  0x68,  0x0a,  0x0b,  0xb4,  0xf4, 0x55,
        0xf5, 0x1e, 0x26, 0x0d, 0x17, 0x97, 0x8f, 0x100, 0x120, 0x104, 0x105, 0x106, 0x107}) {
    CHECK(!bpf_valid({{code, 0, 0, 1}, yes}));
  }
}

TEST(any_valid_program_ends_without_harm) {
  std::mt19937 random(1);
  const Octets octets{0x45, 1, 2, 3, 4, 5, 6, 7, 8, 9};
  const PageEdge edge(octets);
  const std::uint16_t codes[] = {kLdImm,  kLdW,    kLdH,    kLdB, kLdIndW, kLdIndH,     kLdIndB,     kLdMem, kLdLen,
                                 kLdxImm, kLdxMem, kLdxMsh, kSt,  kStx,    kMul,        kLsh,        kNeg,   kJa,
                                 kJeq,    kJgt,    kTax,    kTxa, kRetA,   kDiv | kByX, kRsh | kByX, kMod};
  int valid = 0;
  for (int round = 0; round < 20000; ++round) {
    BpfProgram program(random() % 12 + 1);
    for (BpfInstruction& instruction : program) {
      instruction = {codes[random() % std::size(codes)], static_cast<std::uint8_t>(random() % 4),
                     static_cast<std::uint8_t>(random() % 4), static_cast<std::uint32_t>(random() % 16)};
    }
    program.back() = {kRetA, 0, 0, 0};
    if (!bpf_valid(program)) continue;
    ++valid;
    bpf_run(program, edge.data(), 10, 10);
  }
  CHECK(valid > 1000);
}

TEST(filter_compiles_once_for_each_link_type) {
  int compiled = 0;
  PacketFilter filter("len 3", [&](const auto& expression, auto link_type, auto& program, auto& problem) {
    ++compiled;
    return compile_length(expression, link_type, program, problem);
  });
  const Octets three(3), two(2);
  for (int i = 0; i < 3; ++i) {
    CHECK(filter.matches(frame_of(three, 1)));
    CHECK(filter.matches(frame_of(three, 113)));
    CHECK(!filter.matches(frame_of(two, 1)));
  }
  CHECK_EQ(compiled, 2);
  CHECK(filter.problem().empty());
}

TEST(filter_refuses_where_it_cannot_be_compiled_and_says_so_once) {
  PacketFilter filter("len 3", compile_length);
  const Octets three(3);
  CHECK(!filter.matches(frame_of(three, 99)));
  CHECK_EQ(filter.problem(), std::string("the filter \"len 3\" does not work for link type 99: syntax error"));
  CHECK(filter.matches(frame_of(three, 1)));
  CHECK(!filter.prepare(99));
  CHECK(filter.prepare(1));

  PacketFilter wrong("length", compile_length);
  CHECK(!wrong.prepare(7));
  CHECK(!wrong.prepare(8));
  CHECK_EQ(wrong.problem(), std::string("the filter \"length\" does not work for link type 7: syntax error"));
}

TEST(filter_without_a_compiler) {
  PacketFilter filter("tcp", {});
  CHECK(!filter.prepare(1));
  CHECK_EQ(filter.problem(),
           std::string("the filter \"tcp\" does not work for link type 1: there is no filter compiler in this build"));
}

TEST(filter_whose_program_is_not_valid) {
  PacketFilter filter("loop", [](const auto&, auto, BpfProgram& program, auto&) {
    program = {{kJa, 0, 0, UINT32_MAX}, {kRet, 0, 0, 1}};
    return true;
  });
  CHECK(!filter.prepare(1));
  CHECK(!filter.problem().empty());
}

#if FLOWEDGE_HAVE_LIBPCAP
namespace {

/// Octets that often look like an IP packet to a filter: random ones where it looks seldom, likely ones where it does.
Octets likely_frame(std::mt19937& random) {
  Octets octets(random() % 80 + 1);
  for (std::uint8_t& octet : octets) octet = static_cast<std::uint8_t>(random() % 4 ? random() % 4 * 17 : random());
  const auto put = [&](std::size_t at, std::initializer_list<int> choices) {
    if (at < octets.size()) octets[at] = static_cast<std::uint8_t>(choices.begin()[random() % choices.size()]);
  };
  const std::size_t ip = 14;
  put(12, {0x08, 0x86, 0x81});
  put(13, {0x00, 0xdd, 0x06});
  put(ip, {0x45, 0x46, 0x60});
  put(ip + 9, {6, 17, 1});
  put(ip + 6, {6, 17, 0x20, 0});
  put(ip + 22, {0, 1});
  put(ip + 23, {53, 80});
  return octets;
}

const char* const kExpressions[] = {"tcp",
                                    "udp port 53",
                                    "ip and not port 80",
                                    "host 17.34.51.0",
                                    "net 10.0.0.0/8 or src net 17.34.0.0/16",
                                    "ip6",
                                    "vlan and tcp",
                                    "tcp[tcpflags] & (tcp-syn|tcp-fin) != 0",
                                    "portrange 40-90",
                                    "len > 40 and ip[8] > 5",
                                    "ip[0] % 7 == 6 or ip[1] ^ 3 == 2",
                                    "ether host 00:11:22:33:00:11",
                                    "(ip[2:2] - ((ip[0]&0xf)<<2)) / 3 > 10"};

}  // namespace

TEST(machine_agrees_with_libpcaps) {
  std::mt19937 random(1);
  for (const char* expression : kExpressions) {
    BpfProgram program;
    std::string problem;
    CHECK(flowedge::libpcap_compiler()(expression, 1, program, problem));
    CHECK(bpf_valid(program));
    std::vector<bpf_insn> theirs;
    for (const BpfInstruction& from : program) theirs.push_back({from.code, from.jump_true, from.jump_false, from.k});
    for (int i = 0; i < 2000; ++i) {
      const Octets octets = likely_frame(random);
      const std::uint32_t size = static_cast<std::uint32_t>(octets.size());
      CHECK_EQ(bpf_run(program, octets.data(), size, size + 3),
               bpf_filter(theirs.data(), octets.data(), size + 3, size));
    }
  }
}

TEST(libpcap_filters_by_the_captures_link_type) {
  PacketFilter filter("udp dst port 53", flowedge::libpcap_compiler());
  Octets ip(28);
  ip[0] = 0x45;
  ip[9] = 17;
  ip[23] = 53;
  const auto behind = [&](const Octets& link) {
    Octets octets = link;
    octets.insert(octets.end(), ip.begin(), ip.end());
    return octets;
  };
  const Octets ethernet = behind({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 8, 0}), loop = behind({0, 0, 0, 2});
  for (const std::uint16_t raw : {12, 14, 101, 228}) CHECK(filter.matches(frame_of(ip, raw)));
  CHECK(filter.matches(frame_of(ethernet, 1)));
  CHECK(filter.matches(frame_of(loop, 108)));
  CHECK(!filter.matches(frame_of(ethernet, 101)));
  CHECK(!filter.matches(frame_of(ip, 1)));
  CHECK(filter.problem().empty());
  CHECK(!filter.matches(frame_of(ip, 0xffff)));
  CHECK(!filter.problem().empty());
}

TEST(libpcap_names_what_is_wrong) {
  PacketFilter filter("tcp prot 80", flowedge::libpcap_compiler());
  CHECK(!filter.prepare(1));
  CHECK(filter.problem().find("syntax error") != std::string::npos);
  PacketFilter loop("ip6 protochain 6", flowedge::libpcap_compiler());
  CHECK(!loop.prepare(1));
  CHECK(loop.problem().find("loop") != std::string::npos);
}
#endif
