#include "flowedge/flow_index.hpp"

#include <utility>

namespace flowedge {
namespace {

/// The power of two that holds `flows` at three quarters full.
std::size_t slots_for(std::size_t flows) {
  std::size_t slots = 1024;
  while (slots / 4 * 3 <= flows) slots *= 2;
  return slots;
}

}  // namespace

FlowIndex::FlowIndex(std::size_t flows)
    : mask_(slots_for(flows) - 1), pages_((mask_ + 1) * sizeof(Slot)), slots_(static_cast<Slot*>(pages_.data())) {}

void FlowIndex::insert(std::uint32_t hash, std::uint32_t flow) {
  if (used_ >= (mask_ + 1) / 4 * 3) grow();
  place(hash, flow + 1);
  ++used_;
}

void FlowIndex::place(std::uint32_t hash, std::uint32_t flow) {
  std::size_t i = hash & mask_;
  while (slots_[i].flow != 0) i = (i + 1) & mask_;
  slots_[i] = {hash, flow};
}

void FlowIndex::erase(std::uint32_t hash, std::uint32_t flow) {
  std::size_t hole = hash & mask_;
  while (slots_[hole].flow != flow + 1) hole = (hole + 1) & mask_;
  // Backward shift: whoever would not be found beyond the hole moves into it, so that no tombstones pile up.
  for (std::size_t i = (hole + 1) & mask_; slots_[i].flow != 0; i = (i + 1) & mask_) {
    const std::size_t home = slots_[i].hash & mask_;
    if (((i - home) & mask_) >= ((i - hole) & mask_)) {
      slots_[hole] = slots_[i];
      hole = i;
    }
  }
  slots_[hole] = {0, 0};
  --used_;
}

void FlowIndex::grow() {
  const std::size_t old_size = mask_ + 1;
  Pages larger(old_size * 2 * sizeof(Slot));
  const Slot* old = slots_;
  mask_ = old_size * 2 - 1;
  slots_ = static_cast<Slot*>(larger.data());
  std::swap(pages_, larger);
  for (std::size_t i = 0; i < old_size; ++i) {
    if (old[i].flow != 0) place(old[i].hash, old[i].flow);
  }
}

}  // namespace flowedge
