#include "flowedge/pump.hpp"

namespace flowedge {

PumpStatus Pump::run(RecordBatch& out, std::size_t frame_budget) {
  std::size_t passed = 0;
  for (;;) {
    next_ += engine_.process(frames_ + next_, count_ - next_, out);
    if (next_ < count_ || out.full()) return PumpStatus::batch_full;
    if (passed >= frame_budget) return PumpStatus::pause;
    // All frames were taken: only now may the reader reuse the memory they point into.
    const std::size_t delivered = reader_.next(frames_, kBlock);
    if (delivered == 0) return reader_.status() == ReadStatus::more ? PumpStatus::pause : PumpStatus::end;
    passed += delivered;
    next_ = 0;
    count_ = filter_ ? keep_matching(delivered) : delivered;
  }
}

/// Moves the frames that pass the filter together; returns how many they are.
std::size_t Pump::keep_matching(std::size_t count) {
  std::size_t kept = 0;
  for (std::size_t i = 0; i < count; ++i) {
    if (filter_->matches(frames_[i])) {
      frames_[kept++] = frames_[i];
    } else {
      engine_.skip(Skip::filtered);
    }
  }
  return kept;
}

}  // namespace flowedge
