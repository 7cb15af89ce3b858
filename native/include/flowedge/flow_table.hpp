#pragma once
#include <cstddef>
#include <cstdint>

#include "flowedge/flow.hpp"
#include "flowedge/flow_index.hpp"
#include "flowedge/flow_lists.hpp"
#include "flowedge/slab.hpp"

namespace flowedge {

/// The flows and where to find them. A flow keeps its number for as long as it is in the table; what belongs to it
/// lies in parallel slabs under that number. Extension is what a mode keeps beyond Flow.
template <class Extension>
class FlowTable {
 public:
  static constexpr std::uint32_t kNone = FlowIndex::kNone;

  /// `max_flows` 0: unbounded.
  explicit FlowTable(std::uint32_t max_flows) : index_(max_flows) {}

  Flow& flow(std::uint32_t number) { return flows_[number]; }
  Pauses pauses(std::uint32_t number) { return {idle_periods_[number], active_periods_[number]}; }
  Extension& extension(std::uint32_t number) { return extensions_[number]; }
  Slab<FlowLinks>& timer_links() { return timer_links_; }
  Slab<FlowLinks>& use_links() { return use_links_; }

  std::size_t size() const { return size_; }
  /// Every number in use is below this.
  std::uint32_t numbers() const { return numbers_; }

  std::uint32_t find(std::uint32_t hash, const FlowKey& key) const {
    return index_.find(hash, [&](std::uint32_t number) { return flows_[number].key == key; });
  }

  // Inlined by force: a function that only fetches ahead has no effect in GCC's eyes, and its calls are dropped.
  [[gnu::always_inline]] void prefetch_slot(std::uint32_t hash) const { index_.prefetch(hash); }

  [[gnu::always_inline]] void prefetch_flow(std::uint32_t hash) {
    const std::uint32_t number = index_.guess(hash);
    if (number == kNone) return;
    const char* lines = reinterpret_cast<const char*>(&flows_[number]);
    for (std::size_t offset = 0; offset < sizeof(Flow); offset += 64) __builtin_prefetch(lines + offset, 1);
  }

  /// What erase() will touch.
  [[gnu::always_inline]] void prefetch_erase(std::uint32_t hash, std::uint32_t number) const {
    index_.prefetch(hash);
    const char* lines = reinterpret_cast<const char*>(&flows_[number]);
    __builtin_prefetch(lines, 1);
    __builtin_prefetch(lines + 64, 1);
  }

  /// A number for a flow with this key; the flow itself is for the caller to fill.
  std::uint32_t insert(std::uint32_t hash, const FlowKey& key) {
    if (free_ == kNone && numbers_ == flows_.capacity()) grow();
    index_.insert(hash, free_ != kNone ? free_ : numbers_);
    const std::uint32_t number = free_ != kNone ? free_ : numbers_++;
    if (number == free_) free_ = timer_links_[number].next;
    flows_[number].key = key;
    ++size_;
    return number;
  }

  /// Forgets a flow. It must be in none of the lists.
  void erase(std::uint32_t hash, std::uint32_t number) {
    index_.erase(hash, number);
    flows_[number].packets[kForward] = flows_[number].packets[kBackward] = 0;
    timer_links_[number].next = free_;
    free_ = number;
    --size_;
  }

 private:
  void grow() {
    timer_links_.grow();
    use_links_.grow();
    idle_periods_.grow();
    active_periods_.grow();
    extensions_.grow();
    flows_.grow();  // last: its capacity says that all of them have room
  }

  FlowIndex index_;
  Slab<Flow> flows_;
  Slab<FlowLinks> timer_links_;
  Slab<FlowLinks> use_links_;
  Slab<IdlePeriods> idle_periods_;
  Slab<PeriodLengths> active_periods_;
  Slab<Extension> extensions_;
  std::uint32_t free_ = kNone;
  std::uint32_t numbers_ = 0;
  std::size_t size_ = 0;
};

}  // namespace flowedge
