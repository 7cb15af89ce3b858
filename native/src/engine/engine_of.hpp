#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "features.hpp"
#include "finish.hpp"
#include "flow_hash.hpp"
#include "flowedge/engine.hpp"
#include "flowedge/flow_table.hpp"
#include "flowedge/linger_queue.hpp"
#include "flowedge/timing_wheel.hpp"

namespace flowedge {

/// The engine of a mode. Rules is the mode: what it decodes, how a flow begins and ends, what its values are. It has
///   Extension                     what a flow keeps beyond Flow; plain data, zeroed when a flow begins
///   kSecond, kTicksInUnit         ticks in a second of its time stamps, and in its records' unit of time
///   kExpires                      whether silence closes a flow
///   decode, length, add_bulk, add_window
///   arrive(engine, packet, out)   the life cycle: calls back what is public here
///   prints(flow), ended(flow, extension), write(flow, ...), forget(extension)
template <class Rules>
class EngineOf final : public Engine {
 public:
  using Extension = typename Rules::Extension;
  static constexpr std::uint32_t kNone = FlowIndex::kNone;

  explicit EngineOf(const EngineOptions& options)
      : options_(options),
        hash_(options.hash_seed),
        idle_timeout_(ticks(std::clamp<std::int64_t>(options.idle_timeout_ns, 0, kTimeLimit / 4))),
        max_duration_(ticks(std::clamp<std::int64_t>(options.max_duration_ns, 0, kTimeLimit / 4))),
        linger_(ticks(std::clamp<std::int64_t>(options.linger_ns, 0, kTimeLimit / 4))),
        table_(options.max_flows),
        wheel_(table_.timer_links(), idle_timeout_),
        use_order_(table_.use_links()),
        notes_packets_(options.max_flows != 0) {}

  ~EngineOf() override {
    for (std::uint32_t number = 0; number < table_.numbers(); ++number) Rules::forget(table_.extension(number));
  }

  EngineOf(const EngineOf&) = delete;
  EngineOf& operator=(const EngineOf&) = delete;

  std::size_t process(const Frame* frames, std::size_t count, RecordBatch& out) override {
    std::size_t taken = 0;
    while (process(block_, out) && taken < count) {
      block_.clear();
      taken += decode(frames + taken, count - taken, block_);
    }
    return taken;
  }

  std::size_t decode(const Frame* frames, std::size_t count, PacketBlock& block) const override {
    std::size_t taken = 0;
    for (; taken < count && !block.full(); ++taken) decode(frames[taken], block);
    return taken;
  }

  bool process(PacketBlock& block, RecordBatch& out) override {
    take_skipped(block);
    at_hand_ = &block;
    for (; block.next < block.size; ++block.next) {
      if (block.next % kGroup == 0) fetch_ahead(block);
      if (out.full()) return false;
      const Packet& packet = block.packets[block.next];
      if (!Rules::kExpires) {
        note_time(packet.time);
      } else if (!follow(packet.time, out)) {
        return false;
      }
      ++counters_.packets;
      Rules::arrive(*this, packet, out);
    }
    return true;
  }

  bool advance(std::int64_t now_ns, RecordBatch& out) override {
    if (!process(block_, out)) return false;
    return !started() || move_clock(ticks(std::clamp(now_ns, -kTimeLimit, kTimeLimit)), out);
  }

  bool flush(RecordBatch& out) override {
    if (!process(block_, out)) return false;
    for (; flushed_ < table_.numbers(); ++flushed_) {
      if (out.full()) return false;
      if (table_.flow(flushed_).total_packets() > 0) remove(flushed_, reason_at_end(flushed_), out);
    }
    flushed_ = 0;
    return true;
  }

  void set_wall_offset(std::int64_t nanoseconds) override {
    wall_offset_ = ticks(std::clamp(nanoseconds, -kTimeLimit / 2, kTimeLimit / 2));
  }
  void observe(FlowObserver* observer) override {
    observer_ = observer;
    notes_packets_ = observer != nullptr || options_.max_flows != 0;
  }

  const Counters& counters() const override { return counters_; }
  std::size_t open_flows() const override { return open_; }

  std::int64_t settled_ns() const override {
    if (!started() || options_.held_flows != 0) return kNothingSettled;
    return ((Rules::kExpires ? settled_ : clock_ - 1) + wall_offset_) * kNanosecondsInTick;
  }

  std::int64_t oldest_start_ns() override {
    std::int64_t oldest = kNoFlow;
    for (std::uint32_t number = 0; number < table_.numbers(); ++number) {
      const Flow& flow = table_.flow(number);
      const bool printed = Rules::kPrintsBeforeLinger && flow.is(Flow::kClosed);
      if (flow.total_packets() > 0 && !printed) oldest = std::min(oldest, flow.first);
    }
    return oldest == kNoFlow ? kNoFlow : (oldest + wall_offset_) * kNanosecondsInTick;
  }

  void skip(Skip reason) override {
    ++counters_.packets;
    count_skip(reason);
  }

  // What the rules' life cycles are made of.

  std::int64_t idle_timeout() const { return idle_timeout_; }
  std::int64_t max_duration() const { return max_duration_; }
  std::int64_t linger() const { return linger_; }

  std::uint32_t find(const Packet& packet) const { return table_.find(packet.hash, packet.key); }
  Flow& flow(std::uint32_t number) { return table_.flow(number); }
  Extension& extension(std::uint32_t number) { return table_.extension(number); }

  void count_skip(Skip reason) { ++counters_.skipped[static_cast<std::size_t>(reason)]; }

  /// A new flow in the table; makes room first where the table is bounded and full.
  std::uint32_t open(const Packet& packet, bool forward_from_high, RecordBatch& out) {
    if (options_.max_flows != 0 && table_.size() >= options_.max_flows) make_room(out);
    const std::uint32_t number = table_.insert(packet.hash, packet.key);
    begin(number, packet, forward_from_high);
    return number;
  }

  /// A new flow in the place of one that has been printed.
  void restart(std::uint32_t number, const Packet& packet, bool forward_from_high) {
    leave_lists(number);
    begin(number, packet, forward_from_high);
  }

  /// Adds a packet; false if the flow had to be closed because its counters are full.
  bool add(std::uint32_t number, const Packet& packet, Direction d, RecordBatch& out) {
    Flow& flow = table_.flow(number);
    if (flow.total_packets() > 0 && packet.time < flow.last()) ++counters_.backward_time;
    add_packet<Rules>(flow, table_.pauses(number), table_.extension(number), packet, d);
    flow.set(Flow::kTouched);
    ++counters_.in_flows;
    if (notes_packets_) note_packet(number);
    if (flow.total_packets() < Rules::kMaxPackets) return true;
    remove(number, EndReason::forced, out);
    return false;
  }

  /// Writes the flow's record. It stays in the table, for restart(), keep_lingering() or remove_printed().
  void print(std::uint32_t number, EndReason reason, RecordBatch& out) {
    Flow& flow = table_.flow(number);
    if (flow.is(Flow::kClosed) && Rules::kPrintsBeforeLinger) return;
    --open_;
    if (!Rules::prints(flow)) {
      counters_.in_flows -= flow.total_packets();
      counters_.skipped[static_cast<std::size_t>(Skip::single)] += flow.total_packets();
      if (observer_ != nullptr) observer_->discarded(number);
      return;
    }
    FlowRecord& record = out.append();
    record = FlowRecord{};
    Rules::write(flow, table_.pauses(number), table_.extension(number), record);
    record.end_reason = static_cast<std::uint8_t>(reason);
    ++counters_.flows;
    write_times_of_day(flow.first + wall_offset_, flow.last() + wall_offset_, Rules::kSecond, record);
    record.closed_ns = (closing_time(number, reason) + wall_offset_) * kNanosecondsInTick;
    if (observer_ != nullptr) observer_->closed(number, record);
  }

  /// Closes the flow: its record, unless it is out already, and its place.
  void remove(std::uint32_t number, EndReason reason, RecordBatch& out) {
    print(number, reason, out);
    remove_printed(number);
  }

  void remove_printed(std::uint32_t number) {
    leave_lists(number);
    Rules::forget(table_.extension(number));
    table_.flow(number).clear(Flow::kClosed);  // an entry left in the linger queue no longer holds
    table_.erase(hash_(table_.flow(number).key), number);
  }

  /// Keeps an ended flow for the linger time, so that what trails it is recognised.
  void keep_lingering(std::uint32_t number, const Packet& packet) {
    Flow& flow = table_.flow(number);
    leave_timers(number);
    flow.set(Flow::kClosed);
    const std::int64_t until = std::max(packet.time, clock_) + linger_;
    Rules::linger_mark(flow, table_.extension(number)) = ++lingered_;
    if (lingering_.size() > 2 * table_.size() + kGroup) {  // mostly entries of flows that were taken up again
      lingering_.keep_if([this](const LingerQueue::Entry& entry) { return holds(entry); });
    }
    lingering_.push({until, number, packet.hash, lingered_});
    next_event_ = std::min(next_event_, until + 1);
  }

 private:
  static constexpr std::size_t kGroup = 16;
  /// Times beyond are no times: 146 years from 1970 either way, so that differences fit 64 bits.
  static constexpr std::int64_t kTimeLimit = std::int64_t{1} << 62;
  static constexpr std::int64_t kNotStarted = std::numeric_limits<std::int64_t>::max();
  static constexpr std::int64_t kNanosecondsInTick = 1'000'000'000 / Rules::kSecond;

  static std::int64_t ticks(std::int64_t nanoseconds) {
    const std::int64_t whole = nanoseconds / kNanosecondsInTick;
    return nanoseconds % kNanosecondsInTick < 0 ? whole - 1 : whole;
  }

  void decode(const Frame& frame, PacketBlock& block) const {
    Packet& packet = block.packets[block.size];
    const bool timed = frame.time_ns > -kTimeLimit && frame.time_ns < kTimeLimit;
    const Skip reason = timed ? Rules::decode(frame, options_.decode, packet) : Skip::untimed;
    if (reason != Skip::none) {
      ++block.skipped[static_cast<std::size_t>(reason)];
      return;
    }
    packet.time = ticks(frame.time_ns);
    packet.hash = hash_(packet.key);
    ++block.size;
  }

  void take_skipped(PacketBlock& block) {
    for (std::size_t reason = 0; reason < kSkipReasons; ++reason) {
      counters_.packets += block.skipped[reason];
      counters_.skipped[reason] += block.skipped[reason];
      block.skipped[reason] = 0;
    }
  }

  /// Has the cache fetch what the next packets need: with many flows the misses are the cost, and a group's worth of
  /// them at once takes hardly longer than one. The index is fetched a group before the flows that it leads to.
  void fetch_ahead(const PacketBlock& block) {
    if (block.next == 0) fetch_slots(block, 0);
    fetch_packets(block, block.next + 2 * kGroup);
    fetch_slots(block, block.next + kGroup);
    const std::size_t end = std::min(block.next + kGroup, block.size);
    for (std::size_t i = block.next; i < end; ++i) table_.prefetch_flow(block.packets[i].hash);
  }

  /// The packets themselves, which another core may have decoded.
  [[gnu::always_inline]] static void fetch_packets(const PacketBlock& block, std::size_t begin) {
    const std::size_t end = std::min(begin + kGroup, block.size);
    for (std::size_t i = begin; i < end; ++i) {
      const char* packet = reinterpret_cast<const char*>(&block.packets[i]);
      __builtin_prefetch(packet);
      __builtin_prefetch(packet + sizeof(Packet) - 1);
    }
  }

  void fetch_slots(const PacketBlock& block, std::size_t begin) {
    const std::size_t end = std::min(begin + kGroup, block.size);
    for (std::size_t i = begin; i < end; ++i) table_.prefetch_slot(block.packets[i].hash);
  }

  /// Moves the clock with the packets. It goes by the earlier of two successive packets, so that a single wild time
  /// stamp does not close every flow there is, and it never goes back.
  bool follow(std::int64_t time, RecordBatch& out) {
    if (!started()) start_timers(time);
    const std::int64_t both_reached = std::min(time, previous_time_);
    if (both_reached >= next_event_ || clock_ >= next_event_) {
      if (!move_clock(both_reached, out)) return false;
    } else {
      clock_ = std::max(clock_, both_reached);
    }
    previous_time_ = time;
    return true;
  }

  /// follow() where silence closes nothing.
  void note_time(std::int64_t time) {
    clock_ = std::max(clock_, std::min(time, previous_time_));
    previous_time_ = time;
  }

  bool started() const { return previous_time_ != kNotStarted; }

  void start_timers(std::int64_t time) {
    clock_ = expired_until_ = previous_time_ = time;
    wheel_.start(time);
    next_event_ = wheel_.next_tick();
    settled_ = wheel_.hand() - 1;
  }

  /// Where time stands: at the packet at hand, unless the clock is ahead of it.
  std::int64_t now() const { return std::max(clock_, previous_time_); }

  /// The moment at which the flow was over, not that at which a timer found it so. Never before settled_, unless time
  /// ran back.
  std::int64_t closing_time(std::uint32_t number, EndReason reason) {
    const Flow& flow = table_.flow(number);
    if (flow.is(Flow::kClosed)) return std::min(now(), Rules::ended_at(flow, table_.extension(number)) + linger_);
    return reason == EndReason::idle ? flow.last() + idle_timeout_ : now();
  }

  /// False if `out` became full before everything that is due was closed; then it is to be called again.
  bool move_clock(std::int64_t time, RecordBatch& out) {
    clock_ = std::max(clock_, time);
    if (!Rules::kExpires) return true;
    while (!lingering_.empty() && lingering_.oldest().until < clock_ && !holds_all()) {
      if (out.full()) return false;
      forget_oldest_lingering(out);
    }
    while (!out.full()) {
      const std::uint32_t number = wheel_.due(clock_);
      if (number == kNone) {
        expired_until_ = clock_;
        settled_ = wheel_.hand() - 1;
        schedule();
        return true;
      }
      look_at_timer(number, out);
    }
    return false;
  }

  void schedule() {
    next_event_ = wheel_.next_tick();
    if (lingering_.empty() || lingering_.oldest().until < clock_) return;  // held ones wait for the next tick
    next_event_ = std::min(next_event_, lingering_.oldest().until + 1);
  }

  bool holds_all() const { return table_.size() <= options_.held_flows; }

  bool holds(const LingerQueue::Entry& entry) {
    Flow& flow = table_.flow(entry.number);
    return flow.is(Flow::kClosed) && Rules::linger_mark(flow, table_.extension(entry.number)) == entry.ticket;
  }

  void forget_oldest_lingering(RecordBatch& out) {
    const LingerQueue::Entry& later = lingering_.behind_oldest(kGroup);
    table_.prefetch_erase(later.hash, later.number);
    const LingerQueue::Entry entry = lingering_.oldest();
    lingering_.pop();
    if (holds(entry)) remove(entry.number, EndReason::end_detected, out);
  }

  /// A flow that has been taken out of the wheel: closed if it is idle, set again if it is not.
  ///
  /// A flow may live on an interface whose clock is behind the others'. By its own time it is overdue all along; while
  /// packets come it is not idle, and is looked at again an idle time-out later.
  void look_at_timer(std::uint32_t number, RecordBatch& out) {
    Flow& flow = table_.flow(number);
    const std::int64_t deadline = flow.last() + idle_timeout_;
    const bool behind = flow.is(Flow::kTouched) && deadline < expired_until_ - wheel_.tick();
    if (deadline >= clock_ || behind || holds_all()) {
      flow.clear(Flow::kTouched);
      wheel_.set(number, deadline >= clock_ ? deadline : clock_ + idle_timeout_);
      return;
    }
    wheel_.set(number, clock_);  // back into a list, from which remove() takes it
    remove(number, EndReason::idle, out);
  }

  /// A flow may have ended, or fallen silent, long before the input does: the clock leaves it where there is room.
  EndReason reason_at_end(std::uint32_t number) {
    const Flow& flow = table_.flow(number);
    if (Rules::ended(flow, table_.extension(number))) return EndReason::end_detected;
    const bool idle = Rules::kExpires && flow.last() + idle_timeout_ < clock_;
    return idle ? EndReason::idle : EndReason::forced;
  }

  void begin(std::uint32_t number, const Packet& packet, bool forward_from_high) {
    begin_flow(table_.flow(number), packet, forward_from_high);
    Rules::forget(table_.extension(number));
    table_.extension(number) = Extension{};
    if (Rules::kExpires) wheel_.set(number, std::max(packet.time, clock_) + idle_timeout_);
    if (options_.max_flows != 0) use_order_.push(number);
    ++open_;
  }

  void note_packet(std::uint32_t number) {
    if (options_.max_flows != 0) touch(number);
    if (observer_ != nullptr) observer_->reached(number, at_hand_->next);
  }

  void touch(std::uint32_t number) {
    use_order_.remove(number);
    use_order_.push(number);
  }

  void leave_timers(std::uint32_t number) {
    if (Rules::kExpires && !table_.flow(number).is(Flow::kClosed)) wheel_.remove(number);
  }

  void leave_lists(std::uint32_t number) {
    leave_timers(number);
    if (options_.max_flows != 0) use_order_.remove(number);
  }

  /// Gives up the flow that has been silent longest; one that only lingers goes first.
  void make_room(RecordBatch& out) {
    const std::size_t before = table_.size();
    while (!lingering_.empty() && table_.size() == before) forget_oldest_lingering(out);
    if (table_.size() < before) return;
    ++counters_.evicted;
    remove(use_order_.oldest(), EndReason::no_resources, out);
  }

  EngineOptions options_;
  FlowHash hash_;
  std::int64_t idle_timeout_;
  std::int64_t max_duration_;
  std::int64_t linger_;
  FlowTable<Extension> table_;
  TimingWheel wheel_;
  LingerQueue lingering_;
  std::int64_t lingered_ = 0;  ///< ever: tells a flow's entries apart
  FlowQueue use_order_;

  std::int64_t clock_ = std::numeric_limits<std::int64_t>::min();
  std::int64_t previous_time_ = kNotStarted;
  std::int64_t expired_until_ = 0;  ///< where the clock stood when all that was due had been closed
  std::int64_t next_event_ = 0;
  std::int64_t settled_ = 0;  ///< every flow that was over by then has been closed; where silence closes flows

  std::int64_t wall_offset_ = 0;  ///< in ticks
  FlowObserver* observer_ = nullptr;
  bool notes_packets_;  ///< somebody wants each packet's flow: the order of use, or the observer

  PacketBlock block_{4 * kGroup};
  const PacketBlock* at_hand_ = nullptr;  ///< whose packet is being processed
  std::uint32_t flushed_ = 0;
  std::size_t open_ = 0;
  Counters counters_;
};

}  // namespace flowedge
