#pragma once
#include <cstddef>
#include <cstdint>

#include "flowedge/capture_file.hpp"
#include "flowedge/filter.hpp"
#include "flowedge/live_feed.hpp"
#include "flowedge/record.hpp"

namespace flowedge {

enum class ReplayStatus : std::uint8_t {
  batch_full,  ///< take the batch and call again with another
  pause,       ///< a signal came, or the frame budget is used up: look around, then call again with the same batch
  due,         ///< every frame up to the given time has been delivered
  end,         ///< the reader has no more frames
};

/// Plays a capture file to a feed, as far as it is due.
class Replay {
 public:
  /// `filter` may be null.
  Replay(CaptureReader& reader, PacketFilter* filter) : reader_(reader), filter_(filter) {}

  /// Delivers frames with stamps up to `until_ns`, about `frame_budget` of them at most. A stamp that is missing, or
  /// earlier than one before, is due at once.
  ReplayStatus run(LiveFeed& feed, RecordBatch& out, std::int64_t until_ns, std::size_t frame_budget);

  /// The stamp of the next frame; kNoTime before the first run() or at the end.
  std::int64_t next_time() const;

 private:
  bool deliver(LiveFeed& feed, RecordBatch& out, std::int64_t until_ns);
  void hand_over(const Frame& frame, LiveFeed& feed);

  static constexpr std::size_t kBlock = 64;
  CaptureReader& reader_;
  PacketFilter* filter_;
  Frame frames_[kBlock];
  std::size_t next_ = 0;
  std::size_t count_ = 0;
};

}  // namespace flowedge
