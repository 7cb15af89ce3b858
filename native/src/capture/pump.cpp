#include "flowedge/pump.hpp"

namespace flowedge {

PumpStatus Pump::run(RecordBatch& out, std::size_t frame_budget) {
  std::size_t passed = 0;
  for (;;) {
    for (; refused_ > 0; --refused_) engine_.skip(Skip::filtered);
    next_ += engine_.process(frames_ + next_, count_ - next_, out);
    if (next_ < count_ || out.full()) return PumpStatus::batch_full;
    if (passed >= frame_budget) return PumpStatus::pause;
    const Refill refill = read_on();
    if (refill != Refill::frames) return refill == Refill::end ? PumpStatus::end : PumpStatus::pause;
    passed += delivered_;
  }
}

PumpStatus Pump::decode(PacketBlock& block) {
  for (;;) {
    block.skipped[static_cast<std::size_t>(Skip::filtered)] += refused_;
    refused_ = 0;
    next_ += engine_.decode(frames_ + next_, count_ - next_, block);
    if (next_ < count_ || block.full()) return PumpStatus::batch_full;
    const Refill refill = read_on();
    if (refill != Refill::frames) return refill == Refill::end ? PumpStatus::end : PumpStatus::pause;
  }
}

/// Only when all frames were taken: the reader reuses the memory they point into.
Pump::Refill Pump::read_on() {
  delivered_ = reader_.next(frames_, kBlock);
  if (delivered_ == 0) return reader_.status() == ReadStatus::more ? Refill::interrupted : Refill::end;
  next_ = 0;
  count_ = delivered_;
  if (filter_ != nullptr) keep_matching();
  return Refill::frames;
}

/// Moves the frames that pass the filter together.
void Pump::keep_matching() {
  std::size_t kept = 0;
  for (std::size_t i = 0; i < count_; ++i) {
    if (filter_->matches(frames_[i])) frames_[kept++] = frames_[i];
  }
  refused_ += count_ - kept;
  count_ = kept;
}

}  // namespace flowedge
