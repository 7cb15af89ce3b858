#pragma once
/// How a packet changes its flow: what every mode shares. What differs stands in the modes' rules.
#include <algorithm>
#include <array>
#include <cstdint>

#include "flowedge/flow.hpp"

namespace flowedge {

/// For each value of the TCP flags octet, one to be added to the counter of each flag that is set.
struct FlagCounts {
  std::uint32_t of[8];
};
constexpr std::array<FlagCounts, 256> make_flag_counts() {
  std::array<FlagCounts, 256> counts{};
  for (unsigned flags = 0; flags < 256; ++flags) {
    for (unsigned bit = 0; bit < 8; ++bit) counts[flags].of[bit] = flags >> bit & 1;
  }
  return counts;
}
inline constexpr std::array<FlagCounts, 256> kFlagCounts = make_flag_counts();

constexpr Flow make_new_flow() {
  Flow flow{};
  for (unsigned d : {kForward, kBackward}) {
    flow.length_min[d] = std::numeric_limits<std::uint32_t>::max();
  }
  flow.header_min = std::numeric_limits<std::uint8_t>::max();
  return flow;
}
inline constexpr Flow kNewFlow = make_new_flow();

/// Makes the flow empty but for its key. `packet` is the one that will be added first.
inline void begin_flow(Flow& flow, const Packet& packet, bool forward_from_high) {
  const FlowKey key = flow.key;
  flow = kNewFlow;
  flow.key = key;
  flow.first = packet.time;
  flow.vlan = packet.vlan;
  if (forward_from_high) flow.set(Flow::kForwardFromHigh);
}

inline void add_length(Flow& flow, Direction d, std::uint32_t length) {
  flow.bytes[d] += length;
  flow.length_squares[d] += static_cast<std::uint64_t>(length) * length;
  flow.length_min[d] = std::min(flow.length_min[d], length);
  flow.length_max[d] = std::max(flow.length_max[d], length);
}

inline void add_header(Flow& flow, Direction d, const Packet& packet) {
  flow.header_bytes[d] += packet.header;
  if (d == kForward) {
    flow.header_min = std::min(flow.header_min, packet.header);
    flow.data_packets += packet.payload > 0;
  }
}

inline void add_flags(Flow& flow, Direction d, std::uint8_t flags) {
  for (unsigned bit = 0; bit < 8; ++bit) flow.flags[bit] += kFlagCounts[flags].of[bit];
  if (d == kForward) {
    flow.forward_psh += flags >> 3 & 1;
    flow.forward_urg += flags >> 5 & 1;
  }
  if ((flags & tcp::kFin) != 0) flow.set(d == kForward ? Flow::kFinForward : Flow::kFinBackward);
}

/// A gap of more than five seconds is an idle value; the active period before it, if it lasted, an active one.
inline void add_pause(Flow& flow, Pauses pauses, std::int64_t gap, std::int64_t last, std::int64_t now) {
  if (!flow.is(Flow::kPaused)) {
    flow.set(Flow::kPaused);
    pauses.idle.active_since = flow.first;
    pauses.idle.count = pauses.idle.active_count = 0;
  }
  const std::int64_t active = last - pauses.idle.active_since;
  if (active > 0) pauses.active.add(active, pauses.idle.active_count++ == 0);
  pauses.idle.lengths.add(gap, pauses.idle.count++ == 0);
  pauses.idle.active_since = now;
}

/// Adds a packet's time: the gaps of both directions together and of its own, subflows, pauses.
/// `second` is the ticks in a second. Called before the packet is counted.
template <std::int64_t second>
inline void add_time(Flow& flow, Pauses pauses, Direction d, std::int64_t now) {
  if (flow.total_packets() > 0) {
    const std::int64_t last = flow.last();
    const std::int64_t gap = now - last;
    flow.gaps.add(gap);
    if (gap > second) {
      ++flow.long_gaps;
      if (gap > 5 * second) add_pause(flow, pauses, gap, last, now);
    }
    if (flow.packets[d] > 0) {
      flow.direction_gaps[d].add(now - flow.direction_last[d]);
    } else {
      flow.first_other = now;
    }
  } else if (d == kBackward) {
    flow.set(Flow::kFirstBackward);
  }
  flow.direction_last[d] = now;
  if (d == kBackward) {
    flow.set(Flow::kLastBackward);
  } else {
    flow.clear(Flow::kLastBackward);
  }
}

/// Adds a packet to its flow.
template <class Rules>
inline void add_packet(Flow& flow, Pauses pauses, typename Rules::Extension& extension, const Packet& packet,
                       Direction d) {
  Rules::add_bulk(flow, extension, packet, d);
  add_time<Rules::kSecond>(flow, pauses, d, packet.time);
  add_length(flow, d, Rules::length(packet));
  add_header(flow, d, packet);
  add_flags(flow, d, packet.flags);
  Rules::add_window(flow, packet, d);
  ++flow.packets[d];
}

}  // namespace flowedge
