#include "flowedge/replay.hpp"

namespace flowedge {

std::int64_t Replay::next_time() const {
  return next_ < count_ ? frames_[next_].time_ns : kNoTime;
}

ReplayStatus Replay::run(LiveFeed& feed, RecordBatch& out, std::int64_t until_ns, std::size_t frame_budget) {
  for (std::size_t read = 0;;) {
    if (!deliver(feed, out, until_ns)) return ReplayStatus::batch_full;
    if (next_ < count_) return ReplayStatus::due;
    if (read >= frame_budget) return ReplayStatus::pause;
    next_ = 0;
    count_ = reader_.next(frames_, kBlock);
    if (count_ == 0) return reader_.status() == ReadStatus::more ? ReplayStatus::pause : ReplayStatus::end;
    read += count_;
  }
}

/// The frames at hand, as far as they are due; false if `out` became full first.
bool Replay::deliver(LiveFeed& feed, RecordBatch& out, std::int64_t until_ns) {
  feed.begin();
  for (; next_ < count_ && frames_[next_].time_ns <= until_ns; ++next_) {
    if (feed.room() == 0 && !feed.process(out)) return false;
    hand_over(frames_[next_], feed);
  }
  return feed.process(out);
}

void Replay::hand_over(const Frame& frame, LiveFeed& feed) {
  if (filter_ != nullptr && !filter_->matches(frame)) return feed.skip(Skip::filtered);
  feed.take(frame);
}

}  // namespace flowedge
