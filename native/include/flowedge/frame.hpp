#pragma once
#include <cstdint>
#include <limits>

namespace flowedge {

/// Time of a frame whose capture format carries none (pcapng's Simple Packet Block) or one out of range.
inline constexpr std::int64_t kNoTime = std::numeric_limits<std::int64_t>::min();

/// One captured frame, as a view: the octets belong to whoever made the frame (a CaptureReader, a live
/// capture) and stay valid until that source is asked for more.
struct Frame {
  const std::uint8_t* data;
  std::int64_t time_ns;     ///< since 1970, or kNoTime
  std::uint32_t captured;   ///< octets at `data`
  std::uint32_t on_wire;    ///< octets the frame had on the wire
  std::uint16_t link_type;  ///< LINKTYPE_ number (tcpdump.org/linktypes.html)
};

}  // namespace flowedge
