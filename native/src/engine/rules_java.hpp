#pragma once
#include <cstdint>

#include "engine_of.hpp"
#include "rules.hpp"

namespace flowedge {

/// What CICFlowMeter v4 and the Engelen fork have in common: microseconds in and out, payload lengths, direction by
/// source address alone, no idle time-out (a flow is cut at the first packet more than 120 s after its first).
struct JavaRules : SharedRules {
  static constexpr std::int64_t kSecond = 1'000'000;
  static constexpr double kTicksInUnit = 1;
  static constexpr bool kExpires = false;

  static std::uint32_t length(const Packet& packet) { return packet.payload; }

  static Direction direction_of(const Flow& flow, const Packet& packet) {
    return packet.same_address ? kForward : flow.direction_of(packet);
  }

  template <class Engine>
  static bool is_cut(Engine& engine, const Flow& flow, const Packet& packet) {
    const std::int64_t limit = engine.max_duration() != 0 ? engine.max_duration() : 120 * kSecond;
    return packet.time - flow.first > limit;
  }

  /// The Java bulk detector, with its quirk that a start at time 0 means "no run". A run goes on while no gap is over
  /// a second and the other direction was not busy after its start; the fourth packet makes it a bulk.
  static void add_java_bulk(Bulks& bulks, std::int64_t (&run_last)[2], const Packet& packet, Direction d) {
    const Direction other = d == kForward ? kBackward : kForward;
    if (run_last[other] > bulks.start[d]) bulks.start[d] = 0;
    if (packet.payload == 0) return;
    if (bulks.start[d] == 0 || packet.time - run_last[d] > kSecond) {
      bulks.run_packets[d] = 0;
      extend_run(bulks, d, packet);
    } else {
      extend_run(bulks, d, packet);
      if (bulks.run_packets[d] == 4) {
        count_bulk(bulks, d, packet.time - bulks.start[d]);
      } else if (bulks.run_packets[d] > 4) {
        ++bulks.packets[d];
        bulks.bytes[d] += packet.payload;
        bulks.duration[d] += static_cast<std::uint64_t>(packet.time - run_last[d]);
      }
    }
    run_last[d] = packet.time;
  }
};

}  // namespace flowedge
