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

/// Takes frames as they come, from wherever they come, and carries them to an engine; keeps the engine's clock going
/// while none come. One thread at a time.
class LiveFeed {
 public:
  /// `saver` may be null; with one, the engine reports to it. Both outlive the feed.
  LiveFeed(Engine& engine, const SteadyTime& time, FlowSaver* saver);
  ~LiveFeed();
  LiveFeed(const LiveFeed&) = delete;
  LiveFeed& operator=(const LiveFeed&) = delete;

  /// To be called before frames are taken: looks at the clocks.
  void begin();
  /// How many frames may be taken before process().
  std::size_t room() const;
  /// Decodes a frame; its octets are not needed afterwards.
  void take(const Frame& frame);
  /// Counts a frame that is not to reach the flows.
  void skip(Skip reason) { engine_.skip(reason); }

  /// Brings the frames taken to their flows; false if `out` became full first (call again).
  bool process(RecordBatch& out);

  /// Nothing more waits to be taken: the engine's clock moves on with the host's, counted from the stamp of the last
  /// frame, so that frames still in the kernel's buffer are never late. False if `out` became full first (call again).
  bool idle(RecordBatch& out);

 private:
  Engine& engine_;
  SteadyTime time_;
  FlowSaver* saver_;
  PacketBlock block_;
  bool timed_ = false;       ///< a frame has come
  std::int64_t newest_ = 0;  ///< steady time of the last frame
  std::int64_t seen_ = 0;    ///< the host's steady clock when it had been taken
};

}  // namespace flowedge
