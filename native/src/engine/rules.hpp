#pragma once
/// What most modes' rules have in common. A mode inherits this and says what it does otherwise.
#include <cstdint>

#include "features.hpp"
#include "finish.hpp"
#include "flowedge/flow.hpp"

namespace flowedge {

struct NoExtension {};

inline bool is_pure_syn(const Packet& packet) {
  return (packet.flags & (tcp::kSyn | tcp::kAck)) == tcp::kSyn;
}
inline bool is_syn_ack(const Packet& packet) {
  return (packet.flags & (tcp::kSyn | tcp::kAck)) == (tcp::kSyn | tcp::kAck);
}

/// A TCP connection has ended: a reset, or a FIN after (or as) one from each side. The packet has been added.
inline bool ends_connection(const Flow& flow, const Packet& packet) {
  if ((packet.flags & tcp::kRst) != 0) return true;
  return (packet.flags & tcp::kFin) != 0 && flow.fins_of_both();
}

/// A run that counts as a bulk.
inline void count_bulk(Bulks& bulks, Direction d, std::int64_t duration) {
  ++bulks.count[d];
  bulks.packets[d] += bulks.run_packets[d];
  bulks.bytes[d] += bulks.run_bytes[d];
  bulks.duration[d] += static_cast<std::uint64_t>(duration);
}

inline void extend_run(Bulks& bulks, Direction d, const Packet& packet) {
  if (bulks.run_packets[d]++ == 0) {
    bulks.start[d] = packet.time;
    bulks.run_bytes[d] = 0;
  }
  bulks.run_bytes[d] += packet.payload;
}

struct SharedRules {
  static constexpr std::uint32_t kMaxPackets = Flow::kMaxPackets;
  static constexpr bool kPrintsBeforeLinger = false;

  static bool prints(const Flow&) { return true; }

  /// Whether the flow's connection has ended, though the flow is still there.
  template <class Extension>
  static bool ended(const Flow& flow, const Extension&) {
    return flow.is(Flow::kClosed);
  }

  /// When a flow ended that is kept for what trails it, and whose record is not out yet.
  template <class Extension>
  static std::int64_t ended_at(const Flow& flow, const Extension&) {
    return flow.last();
  }

  template <class Extension>
  static void forget(Extension&) {}

  /// Which entry of the linger queue is the flow's; needs no field of its own once the record is out.
  template <class Extension>
  static std::int64_t& linger_mark(Flow& flow, Extension&) {
    return flow.first;
  }

  /// The window of the first packet of each direction.
  static void add_window(Flow& flow, const Packet& packet, Direction d) {
    if (flow.packets[d] == 0) flow.window[d] = static_cast<std::uint16_t>(packet.window);
  }
};

/// Nanoseconds in, seconds out; -1 where there was no TCP window.
struct WireRules : SharedRules {
  static constexpr std::int64_t kSecond = 1'000'000'000;
  static constexpr double kTicksInUnit = 1e9;
  static constexpr bool kExpires = true;

  static std::int32_t window(const Flow& flow, Direction d) {
    return flow.key.protocol == kTcp && flow.packets[d] > 0 ? flow.window[d] : -1;
  }

  static void write_windows(const Flow& flow, FlowRecord& record) {
    record.init_fwd_win_byts = window(flow, kForward);
    record.init_bwd_win_byts = window(flow, kBackward);
  }
};

}  // namespace flowedge
