// The pcapng capture file format (draft-ietf-opsawg-pcapng). Length fields that merely disagree with each other
// (the copy at a block's end, a length that is not a multiple of four) are forgiven: the leading one counts.
#include <algorithm>
#include <vector>

#include "capture_format.hpp"
#include "flowedge/byte_order.hpp"
#include "timescale.hpp"

namespace flowedge {
namespace {

constexpr std::uint32_t kSectionHeader = 0x0a0d0d0a;  // reads the same in either byte order
constexpr std::uint32_t kInterfaceDescription = 1;
constexpr std::uint32_t kPacket = 2;  // obsolete, still met
constexpr std::uint32_t kSimplePacket = 3;
constexpr std::uint32_t kEnhancedPacket = 6;

constexpr std::uint32_t kByteOrderMagic = 0x1a2b3c4d;
constexpr std::uint16_t kEndOfOptions = 0;
constexpr std::uint16_t kTimestampResolution = 9;
constexpr std::uint16_t kTimestampOffset = 14;

constexpr std::size_t kBlockHead = 8;  // type, length
constexpr std::size_t kBlockTail = 4;  // length again
constexpr std::size_t kMinBlock = kBlockHead + kBlockTail;
constexpr std::size_t kMaxInterfaces = 65536;

struct Interface {
  std::uint16_t link_type;
  std::uint32_t snaplen;  // 0: no limit
  Timescale timescale;
};
/// For packets of an interface that the section does not describe: a link type that nobody knows.
const Interface kUndescribed{0xffff, 0, Timescale()};

/// A block's octets between its head and its tail, as far as they are in memory.
struct Body {
  const std::uint8_t* data;
  std::size_t size;
};

Body body_of(const std::uint8_t* block, std::uint32_t length, std::size_t in_memory) {
  return {block + kBlockHead, std::min(length - kBlockTail, in_memory) - kBlockHead};
}

std::uint32_t shorter(std::uint32_t captured, std::size_t there) {
  return static_cast<std::uint32_t>(std::min<std::size_t>(captured, there));
}

bool is_packet(std::uint32_t type) {
  return type == kEnhancedPacket || type == kSimplePacket || type == kPacket;
}

class PcapngFormat final : public CaptureFormat {
 public:
  std::size_t take(InputBuffer& input, Frame* frames, std::size_t room, Verdict& verdict) override;
  std::size_t take_last(InputBuffer& input, Frame& frame, Verdict& verdict) override;

 private:
  template <ByteOrder order>
  std::size_t take_from_section(InputBuffer& input, Frame* frames, std::size_t room, Verdict& verdict);
  template <ByteOrder order>
  bool take_other(std::uint32_t type, std::uint32_t length, InputBuffer& input, Verdict& verdict);
  bool start_section(InputBuffer& input, Verdict& verdict);
  template <ByteOrder order>
  bool add_interface(Body body);
  template <ByteOrder order>
  bool read_packet(std::uint32_t type, Body body, Frame& frame) const;
  template <ByteOrder order>
  bool read_simple_packet(Body body, Frame& frame) const;
  template <ByteOrder order>
  std::size_t take_partial(InputBuffer& input, Frame& frame) const;
  void skip(InputBuffer& input);

  const Interface& interface(std::uint32_t number) const {
    return number < interfaces_.size() ? interfaces_[number] : kUndescribed;
  }

  std::vector<Interface> interfaces_;
  std::uint32_t to_skip_ = 0;  // octets of a block that is of no use to us
  ByteOrder order_ = ByteOrder::little;
};

bool refuse(const char* what, const InputBuffer& input, Verdict& verdict) {
  verdict = {ReadStatus::malformed, "damaged: the block at octet " + std::to_string(input.offset()) + " " + what};
  return false;
}

template <ByteOrder order>
Timescale read_timescale(Body options) {
  std::uint8_t resolution = Timescale::kMicroseconds;
  std::int64_t offset_seconds = 0;
  for (std::size_t at = 0; at + 4 <= options.size;) {
    const std::uint16_t code = load_u16<order>(options.data + at);
    const std::size_t size = load_u16<order>(options.data + at + 2);
    at += 4;
    if (code == kEndOfOptions || size > options.size - at) break;
    if (code == kTimestampResolution && size >= 1) resolution = options.data[at];
    if (code == kTimestampOffset && size >= 8) {
      offset_seconds = static_cast<std::int64_t>(load_u64<order>(options.data + at));
    }
    at += (size + 3) / 4 * 4;
  }
  return Timescale(resolution, offset_seconds);
}

/// False if the body lacks its fixed fields, or there are more interfaces than can be meant.
template <ByteOrder order>
bool PcapngFormat::add_interface(Body body) {
  if (body.size < 8 || interfaces_.size() == kMaxInterfaces) return false;
  interfaces_.push_back({load_u16<order>(body.data), load_u32<order>(body.data + 4),
                         read_timescale<order>({body.data + 8, body.size - 8})});
  return true;
}

/// False if the body lacks its fixed fields; shortens the packet to what is there of it.
template <ByteOrder order>
bool PcapngFormat::read_packet(std::uint32_t type, Body body, Frame& frame) const {
  if (type == kSimplePacket) return read_simple_packet<order>(body, frame);
  constexpr std::size_t kFixed = 20;
  if (body.size < kFixed) return false;
  const std::uint32_t number = type == kPacket ? load_u16<order>(body.data) : load_u32<order>(body.data);
  const Interface& from = interface(number);
  const std::uint64_t high = load_u32<order>(body.data + 4);
  const std::uint64_t units = high << 32 | load_u32<order>(body.data + 8);
  frame = {body.data + kFixed, from.timescale.nanoseconds(units),
           shorter(load_u32<order>(body.data + 12), body.size - kFixed), load_u32<order>(body.data + 16),
           from.link_type};
  return true;
}

template <ByteOrder order>
bool PcapngFormat::read_simple_packet(Body body, Frame& frame) const {
  constexpr std::size_t kFixed = 4;
  if (body.size < kFixed) return false;
  const Interface& from = interface(0);
  const std::uint32_t on_wire = load_u32<order>(body.data);
  const std::uint32_t captured = from.snaplen == 0 ? on_wire : std::min(on_wire, from.snaplen);
  frame = {body.data + kFixed, kNoTime, shorter(captured, body.size - kFixed), on_wire, from.link_type};
  return true;
}

std::size_t PcapngFormat::take(InputBuffer& input, Frame* frames, std::size_t room, Verdict& verdict) {
  std::size_t count = 0;
  ByteOrder order;
  do {  // again after a section of the other byte order began
    order = order_;
    count += order == ByteOrder::little
                 ? take_from_section<ByteOrder::little>(input, frames + count, room - count, verdict)
                 : take_from_section<ByteOrder::big>(input, frames + count, room - count, verdict);
  } while (order != order_);
  return count;
}

template <ByteOrder order>
std::size_t PcapngFormat::take_from_section(InputBuffer& input, Frame* frames, std::size_t room, Verdict& verdict) {
  std::size_t count = 0;
  skip(input);
  while (count < room && order == order_ && input.size() >= kMinBlock) {
    const std::uint32_t type = load_u32<order>(input.data());
    const std::uint32_t length = load_u32<order>(input.data() + 4);
    if (!is_packet(type) || length < kMinBlock || length > kMaxRecord) {
      if (!take_other<order>(type, length, input, verdict)) break;
      continue;
    }
    if (input.size() < length) break;
    if (!read_packet<order>(type, body_of(input.data(), length, length), frames[count])) {
      refuse("is too short for a packet", input, verdict);
      break;
    }
    input.consume(length);
    ++count;
  }
  return count;
}

/// Anything but a packet of a length we take. False if more input is needed first, or the verdict was set.
template <ByteOrder order>
bool PcapngFormat::take_other(std::uint32_t type, std::uint32_t length, InputBuffer& input, Verdict& verdict) {
  if (type == kSectionHeader) return start_section(input, verdict);
  if (length < kMinBlock) return refuse("claims to be shorter than a block can be", input, verdict);
  if (type == kInterfaceDescription || is_packet(type)) {
    if (length > kMaxRecord) {
      return refuse(("claims " + std::to_string(length) + " octets").c_str(), input, verdict);
    }
    if (input.size() < length) return false;
    if (!add_interface<order>(body_of(input.data(), length, length))) {
      return refuse("does not describe an interface", input, verdict);
    }
  }
  to_skip_ = length;
  skip(input);
  return true;
}

/// Interfaces and byte order are those of one section alone.
bool PcapngFormat::start_section(InputBuffer& input, Verdict& verdict) {
  const std::uint8_t* block = input.data();
  const bool little = load_u32<ByteOrder::little>(block + 8) == kByteOrderMagic;
  if (!little && load_u32<ByteOrder::big>(block + 8) != kByteOrderMagic) {
    return refuse("starts a section without a byte order", input, verdict);
  }
  const std::uint32_t length = little ? load_u32<ByteOrder::little>(block + 4) : load_u32<ByteOrder::big>(block + 4);
  if (length < kMinBlock) return refuse("claims to be shorter than a block can be", input, verdict);
  order_ = little ? ByteOrder::little : ByteOrder::big;
  interfaces_.clear();
  to_skip_ = length;
  skip(input);
  return true;
}

void PcapngFormat::skip(InputBuffer& input) {
  const std::uint32_t there = shorter(to_skip_, input.size());
  input.consume(there);
  to_skip_ -= there;
}

std::size_t PcapngFormat::take_last(InputBuffer& input, Frame& frame, Verdict& verdict) {
  if (input.size() == 0 && to_skip_ == 0) {
    verdict.status = ReadStatus::end;
    return 0;
  }
  verdict = cut_short("block", input.offset());
  return order_ == ByteOrder::little ? take_partial<ByteOrder::little>(input, frame)
                                     : take_partial<ByteOrder::big>(input, frame);
}

template <ByteOrder order>
std::size_t PcapngFormat::take_partial(InputBuffer& input, Frame& frame) const {
  if (input.size() < kMinBlock) return 0;
  const std::uint32_t type = load_u32<order>(input.data());
  if (!is_packet(type)) return 0;
  const std::uint32_t length = load_u32<order>(input.data() + 4);
  return read_packet<order>(type, body_of(input.data(), length, input.size()), frame) ? 1 : 0;
}

}  // namespace

bool is_pcapng(const std::uint8_t* magic) {
  return load_u32<ByteOrder::little>(magic) == kSectionHeader;
}

std::unique_ptr<CaptureFormat> make_pcapng_format() {
  return std::make_unique<PcapngFormat>();
}

}  // namespace flowedge
