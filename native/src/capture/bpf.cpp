// The classic BPF machine: McCanne and Jacobson, "The BSD Packet Filter" (1993), with the later MOD and XOR.
#include <array>

#include "flowedge/byte_order.hpp"
#include "flowedge/filter.hpp"

namespace flowedge {
namespace {

// Fields of an instruction's code.
constexpr unsigned kClass = 0x07, kSize = 0x18, kMode = 0xe0, kOperation = 0xf0, kSource = 0x08;
// Classes.
constexpr unsigned kLd = 0, kLdx = 1, kSt = 2, kStx = 3, kAlu = 4, kJmp = 5, kRet = 6, kMisc = 7;
// Sizes of a load.
constexpr unsigned kWord = 0x00, kHalf = 0x08, kByte = 0x10;
// Modes of a load.
constexpr unsigned kImm = 0x00, kAbs = 0x20, kInd = 0x40, kMem = 0x60, kLen = 0x80, kMsh = 0xa0;
// Operations on the accumulator.
constexpr unsigned kAdd = 0x00, kSub = 0x10, kMul = 0x20, kDiv = 0x30, kOr = 0x40, kAnd = 0x50, kLsh = 0x60,
                   kRsh = 0x70, kNeg = 0x80, kMod = 0x90, kXor = 0xa0;
// Jumps.
constexpr unsigned kJa = 0x00, kJeq = 0x10, kJgt = 0x20, kJge = 0x30, kJset = 0x40;
// Sources of an operand, or of the answer.
constexpr unsigned kX = 0x08, kA = 0x10;
constexpr unsigned kTxa = 0x80;

constexpr std::size_t kScratch = 16;

struct Octets {
  const std::uint8_t* data;
  std::uint32_t size;
};

/// False where the frame ends before the octets.
bool load_word(const Octets& octets, std::uint64_t at, std::uint32_t& value) {
  if (at + 4 > octets.size) return false;
  value = load_u32<ByteOrder::big>(octets.data + at);
  return true;
}

bool load_half(const Octets& octets, std::uint64_t at, std::uint32_t& value) {
  if (at + 2 > octets.size) return false;
  value = load_u16<ByteOrder::big>(octets.data + at);
  return true;
}

bool load_byte(const Octets& octets, std::uint64_t at, std::uint32_t& value) {
  if (at >= octets.size) return false;
  value = octets.data[at];
  return true;
}

/// The length of the IPv4 header that begins with the octet.
bool load_header_length(const Octets& octets, std::uint32_t at, std::uint32_t& value) {
  if (at >= octets.size) return false;
  value = (octets.data[at] & 15U) * 4;
  return true;
}

/// False for a division by zero.
bool operate(unsigned operation, std::uint32_t operand, std::uint32_t& a) {
  // clang-format off
  switch (operation) {
    case kAdd: a += operand; return true;
    case kSub: a -= operand; return true;
    case kMul: a *= operand; return true;
    case kOr: a |= operand; return true;
    case kAnd: a &= operand; return true;
    case kXor: a ^= operand; return true;
    case kLsh: a = operand < 32 ? a << operand : 0; return true;
    case kRsh: a = operand < 32 ? a >> operand : 0; return true;
    case kNeg: a = 0U - a; return true;
    case kDiv:
      if (operand == 0) return false;
      a /= operand;
      return true;
    default:  // kMod
      if (operand == 0) return false;
      a %= operand;
      return true;
  }
  // clang-format on
}

std::size_t jump(const BpfInstruction& instruction, bool holds) {
  return holds ? instruction.jump_true : instruction.jump_false;
}

bool valid_load(const BpfInstruction& instruction) {
  const unsigned size = instruction.code & kSize;
  const unsigned mode = instruction.code & kMode;
  if (instruction.code > 0xff) return false;
  if (mode == kImm || mode == kLen) return size == kWord;
  if (mode == kMem) return size == kWord && instruction.k < kScratch;
  if ((instruction.code & kClass) == kLdx) return mode == kMsh && size == kByte;
  return (mode == kAbs || mode == kInd) && (size == kWord || size == kHalf || size == kByte);
}

bool valid_operation(const BpfInstruction& instruction) {
  const unsigned operation = instruction.code & kOperation;
  if (instruction.code > 0xff || operation > kXor) return false;
  const bool divides = operation == kDiv || operation == kMod;
  return !divides || (instruction.code & kSource) == kX || instruction.k != 0;
}

/// `following` is the number of instructions after this one.
bool valid_jump(const BpfInstruction& instruction, std::size_t following) {
  const unsigned condition = instruction.code & kOperation;
  if (instruction.code > 0xff || condition > kJset) return false;
  if (condition == kJa) return (instruction.code & kSource) == 0 && instruction.k < following;
  return instruction.jump_true < following && instruction.jump_false < following;
}

bool valid_instruction(const BpfInstruction& instruction, std::size_t following) {
  switch (instruction.code & kClass) {
    case kLd:
    case kLdx:
      return valid_load(instruction);
    case kSt:
    case kStx:
      return instruction.code <= kStx && instruction.k < kScratch;
    case kAlu:
      return valid_operation(instruction);
    case kJmp:
      return valid_jump(instruction, following);
    case kRet:
      return instruction.code == kRet || instruction.code == (kRet | kX) || instruction.code == (kRet | kA);
    default:
      return instruction.code == kMisc || instruction.code == (kMisc | kTxa);
  }
}

}  // namespace

bool bpf_valid(const BpfProgram& program) {
  if (program.empty() || (program.back().code & kClass) != kRet) return false;
  for (std::size_t i = 0; i < program.size(); ++i) {
    if (!valid_instruction(program[i], program.size() - i - 1)) return false;
  }
  return true;
}

/// One flat switch, though long: two, by class and then by the rest, take twice the time.
std::uint32_t bpf_run(const BpfProgram& program, const std::uint8_t* data, std::uint32_t captured,
                      std::uint32_t on_wire) {
  const Octets octets{data, captured};
  std::uint32_t a = 0, x = 0;
  std::array<std::uint32_t, kScratch> scratch{};
  bool goes_on = true;
  for (const BpfInstruction* at = program.data(); goes_on; ++at) {  // forward only, and the last one returns
    const std::uint32_t k = at->k;
    // clang-format off
    switch (at->code) {
      case kLd | kWord | kAbs: goes_on = load_word(octets, k, a); break;
      case kLd | kHalf | kAbs: goes_on = load_half(octets, k, a); break;
      case kLd | kByte | kAbs: goes_on = load_byte(octets, k, a); break;
      case kLd | kWord | kInd: goes_on = load_word(octets, std::uint64_t{x} + k, a); break;
      case kLd | kHalf | kInd: goes_on = load_half(octets, std::uint64_t{x} + k, a); break;
      case kLd | kByte | kInd: goes_on = load_byte(octets, std::uint64_t{x} + k, a); break;
      case kLd | kImm: a = k; break;
      case kLd | kMem: a = scratch[k]; break;
      case kLd | kLen: a = on_wire; break;
      case kLdx | kByte | kMsh: goes_on = load_header_length(octets, k, x); break;
      case kLdx | kImm: x = k; break;
      case kLdx | kMem: x = scratch[k]; break;
      case kLdx | kLen: x = on_wire; break;
      case kSt: scratch[k] = a; break;
      case kStx: scratch[k] = x; break;
      case kJmp | kJa: at += k; break;
      case kJmp | kJeq: at += jump(*at, a == k); break;
      case kJmp | kJgt: at += jump(*at, a > k); break;
      case kJmp | kJge: at += jump(*at, a >= k); break;
      case kJmp | kJset: at += jump(*at, (a & k) != 0); break;
      case kJmp | kJeq | kX: at += jump(*at, a == x); break;
      case kJmp | kJgt | kX: at += jump(*at, a > x); break;
      case kJmp | kJge | kX: at += jump(*at, a >= x); break;
      case kJmp | kJset | kX: at += jump(*at, (a & x) != 0); break;
      case kRet: return k;
      case kRet | kX: return x;
      case kRet | kA: return a;
      case kMisc: x = a; break;
      case kMisc | kTxa: a = x; break;
      default: goes_on = operate(at->code & kOperation, at->code & kSource ? x : k, a); break;
    }
    // clang-format on
  }
  return 0;
}

}  // namespace flowedge
