#pragma once
#include <cstdint>

#include "flowedge/flow_lists.hpp"

namespace flowedge {

/// Flows by the time at which their idle timer is to be looked at. A packet does not move its flow: when the timer
/// is due, the flow's last packet says whether it is idle or is to be looked at again later. So the cost of a
/// flow is one look per idle time-out, and never a scan.
class TimingWheel {
 public:
  static constexpr std::uint32_t kNone = FlowLists::kNone;

  /// `horizon`: the longest time ahead for which a flow is ever set.
  TimingWheel(Slab<FlowLinks>& links, std::int64_t horizon)
      : lists_(links, heads_, kSlots), tick_(horizon / (kSlots / 2) + 1) {}

  /// Sets the flow's timer; it falls due when the time has passed `deadline`, at most a tick later.
  void set(std::uint32_t flow, std::int64_t deadline) {
    std::int64_t slot = slot_of(deadline) + 1;
    if (slot <= position_) slot = position_ + 1;
    if (slot > position_ + kSlots - 1) slot = position_ + kSlots - 1;
    lists_.push_front(static_cast<std::uint32_t>(slot) % kSlots, flow);
  }

  void remove(std::uint32_t flow) { lists_.remove(flow); }

  /// A flow whose timer may be due at `now`, taken out of the wheel; kNone when there is no more.
  std::uint32_t due(std::int64_t now) {
    const std::int64_t target = slot_of(now);
    if (target - position_ > kSlots) position_ = target - kSlots;  // a leap visits each slot once, not each tick
    while (true) {
      const std::uint32_t flow = lists_.head(static_cast<std::uint32_t>(position_) % kSlots);
      if (flow != kNone) {
        lists_.remove(flow);
        return flow;
      }
      if (position_ >= target) return kNone;
      ++position_;
    }
  }

  std::int64_t tick() const { return tick_; }

  /// Once due() has no more: every flow whose deadline is earlier has been due.
  std::int64_t hand() const { return position_ * tick_; }

  /// The time from which due() has to be asked again.
  std::int64_t next_tick() const { return (position_ + 1) * tick_; }

  /// Puts the wheel's hand where time begins. The wheel must be empty.
  void start(std::int64_t now) { position_ = slot_of(now); }

 private:
  static constexpr std::int64_t kSlots = 1024;

  std::int64_t slot_of(std::int64_t time) const { return time >= 0 ? time / tick_ : -((-time - 1) / tick_) - 1; }

  std::uint32_t heads_[kSlots];
  FlowLists lists_;
  std::int64_t tick_;
  std::int64_t position_ = 0;
};

}  // namespace flowedge
