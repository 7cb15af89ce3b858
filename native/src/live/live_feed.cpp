#include "flowedge/live_feed.hpp"

#include <algorithm>

namespace flowedge {

namespace {

constexpr std::size_t kBlock = 512;
constexpr std::size_t kSavedBlock = 32;  // each packet's frame is held until its flow is known: up to 256 kB
constexpr std::int64_t kMillisecond = 1'000'000;
/// The kernel's timer may have just missed the frames that it gathers, and then takes a second turn.
constexpr std::int64_t kLongestKept = 2 * kGatherMilliseconds * kMillisecond;

}  // namespace

LiveFeed::LiveFeed(Engine& engine, const SteadyTime& time, FlowSaver* saver)
    : engine_(engine), time_(time), saver_(saver), block_(saver != nullptr ? kSavedBlock : kBlock) {
  engine_.observe(saver);
}

LiveFeed::~LiveFeed() {
  engine_.observe(nullptr);
}

void LiveFeed::begin() {
  begun_ = time_.look().steady;
}

std::size_t LiveFeed::room() const {
  return block_.packets.size() - block_.size;
}

void LiveFeed::take(const Frame& frame) {
  Frame steady = frame;
  steady.time_ns = time_.of(frame.time_ns);
  const std::size_t number = block_.size;
  engine_.decode(&steady, 1, block_);
  if (block_.size == number) return;
  newest_ = steady.time_ns;
  if (saver_ != nullptr) saver_->stage(number, frame);
}

bool LiveFeed::process(RecordBatch& out) {
  if (block_.size > 0 && block_.next == 0) {
    timed_ = true;
    seen_ = time_.look().steady;
  }
  engine_.set_wall_offset(time_.offset());
  if (!engine_.process(block_, out)) return false;
  block_.clear();
  if (saver_ != nullptr) saver_->clear_stage();
  return true;
}

/// The last frame had been stamped before it was taken, and it was taken before the clock was read: counted from
/// there, the host's clock is not ahead of the stamps. What comes after begin() may not have been taken.
bool LiveFeed::idle(RecordBatch& out) {
  if (!process(out)) return false;
  if (!timed_) return true;
  const std::int64_t silent = begun_ - seen_ - kLongestKept;
  return engine_.advance(newest_ + std::max<std::int64_t>(silent, 0), out);
}

}  // namespace flowedge
