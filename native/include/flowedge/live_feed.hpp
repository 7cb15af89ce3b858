#pragma once
#include <cstddef>
#include <cstdint>

#include "flowedge/engine.hpp"
#include "flowedge/flow_saver.hpp"
#include "flowedge/frame.hpp"
#include "flowedge/packet_block.hpp"
#include "flowedge/record.hpp"
#include "flowedge/steady_time.hpp"

namespace flowedge {

/// For how long the kernel is asked to gather frames before it hands them over.
inline constexpr int kGatherMilliseconds = 100;

/// Takes frames as they come, from wherever they come, and carries them to an engine; keeps the engine's clock going
/// while none come. One thread at a time.
class LiveFeed {
 public:
  /// `saver` may be null; with one, the engine reports to it. Both outlive the feed.
  LiveFeed(Engine& engine, const SteadyTime& time, FlowSaver* saver);
  ~LiveFeed();
  LiveFeed(const LiveFeed&) = delete;
  LiveFeed& operator=(const LiveFeed&) = delete;

  /// To be called before the kernel is asked for frames: looks at the clocks.
  void begin();
  /// How many frames may be taken before process().
  std::size_t room() const;
  /// Decodes a frame; its octets are not needed afterwards.
  void take(const Frame& frame);
  /// Counts a frame that is not to reach the flows.
  void skip(Skip reason) { engine_.skip(reason); }

  /// Brings the frames taken to their flows; false if `out` became full first (call again).
  bool process(RecordBatch& out);

  /// All that could be taken has been: the engine's clock moves on to the last begin(), less the time for which the
  /// kernel may keep frames, so that none of those is late. False if `out` became full first (call again).
  bool idle(RecordBatch& out);

 private:
  Engine& engine_;
  SteadyTime time_;
  FlowSaver* saver_;
  PacketBlock block_;
  bool timed_ = false;       ///< a frame has come
  std::int64_t newest_ = 0;  ///< steady time of the last frame
  std::int64_t seen_ = 0;    ///< the host's steady clock when it had been taken
  std::int64_t begun_ = 0;   ///< the host's steady clock at begin()
};

}  // namespace flowedge
