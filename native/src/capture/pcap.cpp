// The pcap capture file format (draft-ietf-opsawg-pcap), with the variants that libpcap reads.
#include <algorithm>

#include "capture_format.hpp"
#include "flowedge/byte_order.hpp"

namespace flowedge {
namespace {

constexpr std::uint32_t kMicroseconds = 0xa1b2c3d4;
constexpr std::uint32_t kNanoseconds = 0xa1b23c4d;
constexpr std::uint32_t kModified = 0xa1b2cd34;  // Kuznetzov's patch: eight octets more in a record header

constexpr std::size_t kRecordHeader = 16;
constexpr std::size_t kModifiedRecordHeader = 24;
constexpr std::int64_t kNsPerSecond = 1'000'000'000;
/// libpcap writes no longer packets, whatever snaplen it notes in the file.
constexpr std::uint32_t kMaxSnaplen = 262144;
/// Finding the next record waits for this one's length: fetching ahead takes a tenth off the time of small packets.
constexpr std::size_t kPrefetchAhead = 1024;

bool is_pcap_magic(std::uint32_t magic) {
  return magic == kMicroseconds || magic == kNanoseconds || magic == kModified;
}

template <ByteOrder order>
class PcapFormat final : public CaptureFormat {
 public:
  explicit PcapFormat(const std::uint8_t* file_header);
  std::size_t take(InputBuffer& input, Frame* frames, std::size_t room, Verdict& verdict) override;
  std::size_t take_last(InputBuffer& input, Frame& frame, Verdict& verdict) override;

 private:
  Frame frame_at(const std::uint8_t* record, std::uint32_t captured) const;

  std::size_t record_header_;
  std::int64_t ns_per_unit_;
  std::uint32_t max_captured_;
  std::uint16_t link_type_;
};

template <ByteOrder order>
PcapFormat<order>::PcapFormat(const std::uint8_t* file_header) {
  const std::uint32_t magic = load_u32<order>(file_header);
  record_header_ = magic == kModified ? kModifiedRecordHeader : kRecordHeader;
  ns_per_unit_ = magic == kNanoseconds ? 1 : 1000;
  max_captured_ = std::clamp(load_u32<order>(file_header + 16), kMaxSnaplen, kMaxRecord);
  link_type_ = static_cast<std::uint16_t>(load_u32<order>(file_header + 20));  // above it: length of a frame check
}

template <ByteOrder order>
Frame PcapFormat<order>::frame_at(const std::uint8_t* record, std::uint32_t captured) const {
  const std::int64_t seconds = load_u32<order>(record);
  const std::int64_t fraction = load_u32<order>(record + 4);
  return {record + record_header_, seconds * kNsPerSecond + fraction * ns_per_unit_, captured,
          load_u32<order>(record + 12), link_type_};
}

template <ByteOrder order>
std::size_t PcapFormat<order>::take(InputBuffer& input, Frame* frames, std::size_t room, Verdict& verdict) {
  const std::size_t header = record_header_;
  const std::uint8_t* record = input.data();
  std::size_t left = input.size();
  std::size_t count = 0;
  while (count < room && left >= header) {
    const std::uint32_t captured = load_u32<order>(record + 8);
    if (captured > max_captured_) {
      const std::uint64_t offset = input.offset() + (input.size() - left);
      verdict = {ReadStatus::malformed, "damaged: the packet record at octet " + std::to_string(offset) + " claims " +
                                            std::to_string(captured) + " octets"};
      break;
    }
    if (left - header < captured) break;
    __builtin_prefetch(record + std::min(left, kPrefetchAhead));
    frames[count++] = frame_at(record, captured);
    record += header + captured;
    left -= header + captured;
  }
  input.consume(input.size() - left);
  return count;
}

template <ByteOrder order>
std::size_t PcapFormat<order>::take_last(InputBuffer& input, Frame& frame, Verdict& verdict) {
  if (input.size() == 0) {
    verdict.status = ReadStatus::end;
    return 0;
  }
  verdict = cut_short("packet record", input.offset());
  if (input.size() < record_header_) return 0;
  frame = frame_at(input.data(), static_cast<std::uint32_t>(input.size() - record_header_));
  return 1;
}

}  // namespace

bool is_pcap(const std::uint8_t* magic) {
  return is_pcap_magic(load_u32<ByteOrder::little>(magic)) || is_pcap_magic(load_u32<ByteOrder::big>(magic));
}

std::unique_ptr<CaptureFormat> make_pcap_format(const std::uint8_t* file_header) {
  if (is_pcap_magic(load_u32<ByteOrder::little>(file_header))) {
    return std::make_unique<PcapFormat<ByteOrder::little>>(file_header);
  }
  return std::make_unique<PcapFormat<ByteOrder::big>>(file_header);
}

}  // namespace flowedge
