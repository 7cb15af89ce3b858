#include "socket_filter.hpp"

#include <linux/filter.h>
#include <linux/if_packet.h>

namespace flowedge {

namespace {

constexpr std::uint16_t kLoad = BPF_LD | BPF_W | BPF_ABS;
constexpr std::uint16_t kJumpIfEqual = BPF_JMP | BPF_JEQ | BPF_K;
constexpr std::uint16_t kReturn = BPF_RET | BPF_K;

/// Where a program finds what the kernel knows of a frame beside its octets.
constexpr std::uint32_t kBeside = static_cast<std::uint32_t>(SKF_AD_OFF);
constexpr std::uint32_t kProtocol = kBeside + SKF_AD_PROTOCOL;
constexpr std::uint32_t kPacketType = kBeside + SKF_AD_PKTTYPE;
constexpr std::uint32_t kInterface = kBeside + SKF_AD_IFINDEX;

constexpr std::uint16_t kLinuxSll = 113;
constexpr std::uint32_t kLinuxSllHeader = 16;  // octets: packet type at 0, protocol at 14

/// In user land libpcap refuses the same frames, but those have taken room in the kernel's buffer, and been counted as
/// received, by then.
BpfProgram make_prologue(CaptureDirection direction, std::uint32_t loopback) {
  const BpfInstruction load_type{kLoad, 0, 0, kPacketType};
  const BpfInstruction refuse{kReturn, 0, 0, 0};
  const BpfInstruction load_interface{kLoad, 0, 0, kInterface};
  const BpfInstruction skip_unless_loopback{kJumpIfEqual, 0, 1, loopback};
  switch (direction) {
    case CaptureDirection::in:
      return {load_type, {kJumpIfEqual, 0, 1, PACKET_OUTGOING}, refuse};
    case CaptureDirection::out:
      return {load_type, {kJumpIfEqual, 1, 0, PACKET_OUTGOING}, refuse, load_interface, skip_unless_loopback, refuse};
    case CaptureDirection::both:
      break;
  }
  return {load_type, {kJumpIfEqual, 0, 3, PACKET_OUTGOING}, load_interface, skip_unless_loopback, refuse};
}

bool loads_from_frame(const BpfInstruction& instruction) {
  const unsigned kind = BPF_CLASS(instruction.code), mode = BPF_MODE(instruction.code);
  return (kind == BPF_LD || kind == BPF_LDX) && (mode == BPF_ABS || mode == BPF_IND || mode == BPF_MSH);
}

/// The kernel's frames begin where the header that libpcap makes ends.
bool leave_out_header(BpfInstruction& instruction) {
  std::uint32_t& offset = instruction.k;
  if (!loads_from_frame(instruction) || offset >= kBeside) return true;
  if (offset >= kLinuxSllHeader) {
    offset -= kLinuxSllHeader;
  } else if (offset == 0 && BPF_MODE(instruction.code) == BPF_ABS) {
    offset = kPacketType;
  } else if (offset == 14 && BPF_MODE(instruction.code) == BPF_ABS) {
    offset = kProtocol;
  } else {
    return false;
  }
  return true;
}

}  // namespace

bool make_socket_filter(BpfProgram& program, std::uint16_t link_type, CaptureDirection direction,
                        std::uint32_t loopback) {
  if (link_type == kLinuxSll) {
    for (BpfInstruction& instruction : program) {
      if (!leave_out_header(instruction)) return false;
    }
  }
  const BpfProgram prologue = make_prologue(direction, loopback);
  program.insert(program.begin(), prologue.begin(), prologue.end());
  return true;
}

BpfProgram make_closed_filter() {
  return {{kReturn, 0, 0, 0}};
}

}  // namespace flowedge
