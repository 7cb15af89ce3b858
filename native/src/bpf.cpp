// The classic BPF machine: McCanne and Jacobson, "The BSD Packet Filter" (1993), with the later MOD and XOR.
#include <array>
#include <optional>

#include "flowedge/filter.hpp"

namespace flowedge {
namespace {

// Fields of an instruction's code.
constexpr unsigned kClass = 0x07, kSize = 0x18, kMode = 0xe0, kOperation = 0xf0, kSource = 0x08, kReturned = 0x18;
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

struct Machine {
  const std::uint8_t* data;
  std::uint32_t captured;
  std::uint32_t on_wire;
  std::uint32_t a = 0;
  std::uint32_t x = 0;
  std::array<std::uint32_t, kScratch> scratch{};
};

/// Octets of the frame as a big-endian number; false where it ends before them.
bool load_octets(const Machine& machine, std::uint64_t at, unsigned size, std::uint32_t& value) {
  const unsigned octets = size == kWord ? 4 : size == kHalf ? 2 : 1;
  if (at + octets > machine.captured) return false;
  value = 0;
  for (unsigned i = 0; i < octets; ++i) value = value << 8 | machine.data[at + i];
  return true;
}

/// LD and LDX.
bool load(const Machine& machine, const BpfInstruction& instruction, std::uint32_t& value) {
  const unsigned size = instruction.code & kSize;
  switch (instruction.code & kMode) {
    case kImm:
      value = instruction.k;
      return true;
    case kMem:
      value = machine.scratch[instruction.k];
      return true;
    case kLen:
      value = machine.on_wire;
      return true;
    case kAbs:
      return load_octets(machine, instruction.k, size, value);
    case kInd:
      return load_octets(machine, std::uint64_t{machine.x} + instruction.k, size, value);
    default:  // kMsh: the length of an IPv4 header
      if (!load_octets(machine, instruction.k, kByte, value)) return false;
      value = (value & 15) * 4;
      return true;
  }
}

/// False for a division by zero.
bool operate(unsigned operation, std::uint32_t operand, std::uint32_t& a) {
  switch (operation) {
    case kAdd:
      a += operand;
      return true;
    case kSub:
      a -= operand;
      return true;
    case kMul:
      a *= operand;
      return true;
    case kOr:
      a |= operand;
      return true;
    case kAnd:
      a &= operand;
      return true;
    case kXor:
      a ^= operand;
      return true;
    case kLsh:
      a = operand < 32 ? a << operand : 0;
      return true;
    case kRsh:
      a = operand < 32 ? a >> operand : 0;
      return true;
    case kNeg:
      a = 0U - a;
      return true;
    case kDiv:
      if (operand == 0) return false;
      a /= operand;
      return true;
    default:  // kMod
      if (operand == 0) return false;
      a %= operand;
      return true;
  }
}

/// How many instructions to leave out.
std::size_t jump(const Machine& machine, const BpfInstruction& instruction) {
  const unsigned condition = instruction.code & kOperation;
  if (condition == kJa) return instruction.k;
  const std::uint32_t operand = instruction.code & kSource ? machine.x : instruction.k;
  const bool holds = condition == kJeq   ? machine.a == operand
                     : condition == kJgt ? machine.a > operand
                     : condition == kJge ? machine.a >= operand
                                         : (machine.a & operand) != 0;
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
  if (condition == kJa) return instruction.k < following;
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

std::uint32_t answer(const Machine& machine, const BpfInstruction& instruction) {
  const unsigned source = instruction.code & kReturned;
  return source == kA ? machine.a : source == kX ? machine.x : instruction.k;
}

}  // namespace

bool bpf_valid(const BpfProgram& program) {
  if (program.empty() || (program.back().code & kClass) != kRet) return false;
  for (std::size_t i = 0; i < program.size(); ++i) {
    if (!valid_instruction(program[i], program.size() - i - 1)) return false;
  }
  return true;
}

std::uint32_t bpf_run(const BpfProgram& program, const std::uint8_t* data, std::uint32_t captured,
                      std::uint32_t on_wire) {
  Machine machine{data, captured, on_wire};
  for (const BpfInstruction* at = program.data();; ++at) {  // jumps lead forward only, and the last one returns
    switch (at->code & kClass) {
      case kLd:
        if (!load(machine, *at, machine.a)) return 0;
        break;
      case kLdx:
        if (!load(machine, *at, machine.x)) return 0;
        break;
      case kSt:
        machine.scratch[at->k] = machine.a;
        break;
      case kStx:
        machine.scratch[at->k] = machine.x;
        break;
      case kAlu:
        if (!operate(at->code & kOperation, at->code & kSource ? machine.x : at->k, machine.a)) return 0;
        break;
      case kJmp:
        at += jump(machine, *at);
        break;
      case kRet:
        return answer(machine, *at);
      default:
        at->code& kTxa ? machine.a = machine.x : machine.x = machine.a;
        break;
    }
  }
}

}  // namespace flowedge
