#pragma once
#include <algorithm>
#include <cstdint>

#include "frames.hpp"

/// Frames of chosen endpoints at chosen times, for tests of the flow engine.
namespace frames {

constexpr std::int64_t kMicrosecond = 1'000;
constexpr std::int64_t kMillisecond = 1'000'000;
constexpr std::int64_t kSecond = 1'000'000'000;

struct Endpoint {
  std::uint32_t address;
  std::uint16_t port;
};
constexpr Endpoint kClient{0x0a000001, 40000};  ///< the lower one in a flow key
constexpr Endpoint kServer{0xc0a80002, 443};

/// Header fields that most tests leave alone.
struct TcpFields {
  std::uint16_t window = 0x7210;
  std::uint32_t sequence = 0x01020304;
  std::uint32_t acknowledgement = 0x05060708;
};

inline Octets be32(std::uint32_t value) {
  return be16(value >> 16) + be16(value & 0xffff);
}

inline void overwrite(Octets& octets, std::size_t at, const Octets& with) {
  std::copy(with.begin(), with.end(), octets.begin() + static_cast<std::ptrdiff_t>(at));
}

inline void set_ends(Octets& frame, Endpoint from, Endpoint to) {
  overwrite(frame, 26, be32(from.address) + be32(to.address) + be16(from.port) + be16(to.port));
}

inline Octets tcp_frame(Endpoint from, Endpoint to, std::uint8_t flags, std::size_t payload = 0,
                        const TcpFields& fields = {}) {
  Octets frame = ethernet(0x0800, ipv4(6, segment(zeros(payload), flags)));
  set_ends(frame, from, to);
  overwrite(frame, 38, be32(fields.sequence) + be32(fields.acknowledgement));
  overwrite(frame, 48, be16(fields.window));
  return frame;
}

inline Octets udp_frame(Endpoint from, Endpoint to, std::size_t payload = 0) {
  Octets frame = ethernet(0x0800, ipv4(17, datagram(from.port, to.port, zeros(payload))));
  set_ends(frame, from, to);
  return frame;
}

/// From kClient to kServer, or back.
inline Octets up(std::uint8_t flags, std::size_t payload = 0, const TcpFields& fields = {}) {
  return tcp_frame(kClient, kServer, flags, payload, fields);
}
inline Octets down(std::uint8_t flags, std::size_t payload = 0, const TcpFields& fields = {}) {
  return tcp_frame(kServer, kClient, flags, payload, fields);
}

struct TimedFrame {
  std::int64_t time_ns;
  Octets octets;
};
using Trace = std::vector<TimedFrame>;

}  // namespace frames
