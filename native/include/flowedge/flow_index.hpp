#pragma once
#include <cstddef>
#include <cstdint>

#include "flowedge/slab.hpp"

namespace flowedge {

/// Hash to flow number: open addressing with linear probing, eight slots to a cache line. A slot holds the
/// hash too, so that only a match costs a look at the flow.
class FlowIndex {
 public:
  static constexpr std::uint32_t kNone = 0xffffffff;

  /// Room for `flows` without growing; grows by doubling.
  explicit FlowIndex(std::size_t flows);

  [[gnu::always_inline]] void prefetch(std::uint32_t hash) const { __builtin_prefetch(&slots_[hash & mask_]); }

  /// The flow with this hash of which `same(flow)` is true, or kNone.
  template <class Same>
  std::uint32_t find(std::uint32_t hash, Same same) const {
    for (std::size_t i = hash & mask_; slots_[i].flow != 0; i = (i + 1) & mask_) {
      if (slots_[i].hash == hash && same(slots_[i].flow - 1)) return slots_[i].flow - 1;
    }
    return kNone;
  }

  /// The first flow with this hash, most likely the one that find() will return; kNone if there is none.
  std::uint32_t guess(std::uint32_t hash) const {
    return find(hash, [](std::uint32_t) { return true; });
  }

  void insert(std::uint32_t hash, std::uint32_t flow);
  void erase(std::uint32_t hash, std::uint32_t flow);

 private:
  /// `flow` is its number + 1, so that fresh pages, which are zero, are free slots.
  struct Slot {
    std::uint32_t hash;
    std::uint32_t flow;
  };

  void grow();
  void place(std::uint32_t hash, std::uint32_t flow);

  std::size_t mask_;
  std::size_t used_ = 0;
  Pages pages_;
  Slot* slots_;
};

}  // namespace flowedge
