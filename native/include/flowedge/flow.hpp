#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "flowedge/packet.hpp"
#include "flowedge/wide.hpp"

namespace flowedge {

/// Index of a direction in a flow's pairs.
enum Direction : std::uint8_t { kForward = 0, kBackward = 1 };

/// The times between successive packets. Their number and sum need no place here: the sum telescopes to
/// last - first. Squares are summed exactly, which is both faster than Welford's update (no division a packet)
/// and better (no rounding at all).
struct Gaps {
  std::int64_t min = std::numeric_limits<std::int64_t>::max();
  std::int64_t max = std::numeric_limits<std::int64_t>::min();
  Wide squares;

  void add(std::int64_t gap) {
    min = std::min(min, gap);
    max = std::max(max, gap);
    squares += square(gap);
  }
};

/// Runs of payload packets; what a run is, and when it counts, is the mode's rule.
struct Bulks {
  std::int64_t start[2];  ///< of the run at hand
  std::uint64_t run_bytes[2];
  std::uint64_t bytes[2];     ///< in runs that count
  std::uint64_t duration[2];  ///< of runs that count; two's complement: wraps rather than overflows
  std::uint32_t run_packets[2];
  std::uint32_t packets[2];  ///< in runs that count
  std::uint32_t count[2];
};

/// One biflow as it grows. Times are in the mode's ticks.
///
/// Six cache lines, in the order in which a packet needs them. What few packets touch (Pauses) and the lists
/// (FlowLinks) lie in arrays beside, by the same index. No counter can wrap: see kMaxPackets.
struct alignas(64) Flow {
  /// A flow of this many packets is closed, so that 32 bits are enough for what counts packets.
  static constexpr std::uint32_t kMaxPackets = std::numeric_limits<std::uint32_t>::max();

  enum State : std::uint8_t {
    kForwardFromHigh = 1,  ///< the key's higher endpoint is the source
    kFirstBackward = 2,    ///< the first packet was a backward one
    kLastBackward = 4,     ///< so was the last one
    kFinForward = 8,       ///< a FIN has been seen, by direction
    kFinBackward = 16,
    kClosed = 32,   ///< ended, and lingering
    kTouched = 64,  ///< a packet came since the idle timer was set
    kPaused = 128,  ///< Pauses holds something
  };

  FlowKey key;
  std::int64_t first;              ///< time of the first packet
  std::int64_t first_other;        ///< time of the first packet of the direction that did not begin
  std::uint64_t bytes[2];          ///< sum of the lengths
  std::int64_t direction_last[2];  ///< time of the last packet, by direction
  std::uint32_t packets[2];
  std::uint16_t window[2];  ///< TCP window, of the packet that the mode says
  std::uint16_t vlan;
  std::uint8_t state;
  std::uint8_t header_min;  ///< smallest transport header, forward
  std::uint64_t length_squares[2];
  std::uint32_t length_min[2];
  std::uint32_t length_max[2];
  std::uint64_t header_bytes[2];
  std::uint32_t data_packets;  ///< forward packets with payload
  std::uint32_t long_gaps;     ///< gaps of more than a second, either direction
  Gaps direction_gaps[2];
  Gaps gaps;
  std::uint32_t flags[8];  ///< packets by TCP flag, FIN first
  std::uint32_t forward_psh;
  std::uint32_t forward_urg;
  Bulks bulks;

  bool is(State bit) const { return (state & bit) != 0; }
  void set(State bit) { state = static_cast<std::uint8_t>(state | bit); }
  void clear(State bit) { state = static_cast<std::uint8_t>(state & ~bit); }

  std::uint32_t total_packets() const { return packets[kForward] + packets[kBackward]; }
  std::int64_t last() const { return direction_last[is(kLastBackward) ? kBackward : kForward]; }
  std::int64_t first_of(Direction d) const { return is(kFirstBackward) == (d == kBackward) ? first : first_other; }
  bool fins_of_both() const { return is(kFinForward) && is(kFinBackward); }

  /// The packet's direction by its 5-tuple.
  Direction direction_of(const Packet& packet) const {
    return packet.from_high == is(kForwardFromHigh) ? kForward : kBackward;
  }
};
static_assert(sizeof(Flow) == 384 && std::is_trivially_copyable_v<Flow>);

/// Statistics of some lengths of time, at least one.
struct PeriodLengths {
  std::uint64_t sum;  ///< two's complement: wraps rather than overflows
  std::int64_t min;
  std::int64_t max;
  Wide squares;

  void add(std::int64_t length, bool is_first) {
    min = is_first ? length : std::min(min, length);
    max = is_first ? length : std::max(max, length);
    sum = is_first ? static_cast<std::uint64_t>(length) : sum + static_cast<std::uint64_t>(length);
    if (is_first) squares = Wide{};
    squares += square(length);
  }
};

/// Gaps of more than five seconds.
struct IdlePeriods {
  std::int64_t active_since;  ///< when the last one ended
  std::uint32_t count;
  std::uint32_t active_count;
  PeriodLengths lengths;
};

/// A flow's idle periods and the active ones between them. Most flows have none, and fewer have both: they lie
/// apart, so that what a flow does not have takes no memory.
struct Pauses {
  IdlePeriods& idle;
  PeriodLengths& active;
};
static_assert(sizeof(IdlePeriods) + sizeof(PeriodLengths) == 96);

}  // namespace flowedge
