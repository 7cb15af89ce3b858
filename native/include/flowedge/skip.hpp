#pragma once
#include <array>
#include <cstddef>
#include <cstdint>

namespace flowedge {

/// Why a packet is in no flow. The one list: counters, statistics and documentation are made from it.
/// X(name, meaning)
// clang-format off
#define FLOWEDGE_SKIP_REASONS(X) \
  X(filtered,     "did not match the capture filter") \
  X(untimed,      "the capture holds no usable time for it") \
  X(link,         "link type not known") \
  X(non_ip,       "not IPv4 or IPv6 (ARP, LLDP, 802.11 management, ...)") \
  X(protocol,     "an IP protocol that was not asked for") \
  X(fragment,     "a fragment other than the first: it has no transport header") \
  X(truncated,    "captured octets end before the headers do") \
  X(malformed,    "headers contradict themselves") \
  X(leftover,     "trails a TCP connection that was closed less than the linger time before") \
  X(repeated_fin, "CICFlowMeter throws away a second FIN of the same side") \
  X(single,       "CICFlowMeter never prints a flow of one packet")
// clang-format on

enum class Skip : std::uint8_t {
  none,
#define X(name, meaning) name,
  FLOWEDGE_SKIP_REASONS(X)
#undef X
      count_
};

inline constexpr std::size_t kSkipReasons = static_cast<std::size_t>(Skip::count_);

/// What became of every packet. packets == in_flows + the sum of skipped, at any time between two calls.
struct Counters {
  std::uint64_t packets = 0;
  std::uint64_t in_flows = 0;
  std::uint64_t flows = 0;          ///< records written
  std::uint64_t evicted = 0;        ///< flows closed for lack of room
  std::uint64_t backward_time = 0;  ///< packets in flows that were older than the packet before in their flow
  std::array<std::uint64_t, kSkipReasons> skipped{};  ///< by Skip; [Skip::none] stays 0
};

}  // namespace flowedge
