#pragma once
#include <cstddef>

#include "flowedge/capture_file.hpp"
#include "flowedge/engine.hpp"
#include "flowedge/filter.hpp"
#include "flowedge/record.hpp"

namespace flowedge {

enum class PumpStatus : std::uint8_t {
  batch_full,  ///< take the batch and call again with another
  pause,       ///< a signal came, or the frame budget is used up: look around, then call again with the same batch
  end,         ///< the reader has no more frames; its status() says how the capture ended
};

/// Carries frames from a reader to an engine, in blocks, so that no call is made per packet across the door.
class Pump {
 public:
  Pump(CaptureReader& reader, Engine& engine, PacketFilter* filter)
      : reader_(reader), engine_(engine), filter_(filter) {}

  /// Runs until `out` is full, the capture ends, or about `frame_budget` frames have passed.
  PumpStatus run(RecordBatch& out, std::size_t frame_budget);

  /// Only reads and decodes, into an empty block, until it is full (batch_full), a signal came (pause) or the capture
  /// ends; for a thread of its own, in place of run().
  PumpStatus decode(PacketBlock& block);

 private:
  enum class Refill : std::uint8_t { frames, interrupted, end };
  Refill read_on();
  void keep_matching();

  static constexpr std::size_t kBlock = 64;
  CaptureReader& reader_;
  Engine& engine_;
  PacketFilter* filter_;
  Frame frames_[kBlock];
  std::size_t next_ = 0;  ///< the first frame that was not taken
  std::size_t count_ = 0;
  std::size_t delivered_ = 0;  ///< by the reader, the last time
  std::uint64_t refused_ = 0;  ///< by the filter, not yet reported
};

}  // namespace flowedge
