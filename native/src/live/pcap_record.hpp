#pragma once
#include <cstdint>

#include "flowedge/frame.hpp"

/// The pcap capture file format (draft-ietf-opsawg-pcap), as it is written: nanoseconds, in the host's byte order.
namespace flowedge {

struct PcapFileHeader {
  std::uint32_t magic = 0xa1b23c4d;
  std::uint16_t major = 2;
  std::uint16_t minor = 4;
  std::uint32_t reserved[2] = {0, 0};
  std::uint32_t snaplen;
  std::uint32_t link_type;
};
static_assert(sizeof(PcapFileHeader) == 24);

struct PcapRecordHeader {
  std::uint32_t seconds;
  std::uint32_t nanoseconds;
  std::uint32_t captured;
  std::uint32_t on_wire;
};
static_assert(sizeof(PcapRecordHeader) == 16);

/// No reader takes longer records.
inline constexpr std::uint32_t kMaxPcapSnaplen = 262144;

/// Whether the format has room for the time: 1970 to 2106.
inline bool has_pcap_time(const Frame& frame) {
  return frame.time_ns >= 0 && frame.time_ns / 1'000'000'000 <= UINT32_MAX;
}

inline PcapRecordHeader make_pcap_record_header(const Frame& frame, std::uint32_t captured) {
  return {static_cast<std::uint32_t>(frame.time_ns / 1'000'000'000),
          static_cast<std::uint32_t>(frame.time_ns % 1'000'000'000), captured, frame.on_wire};
}

}  // namespace flowedge
