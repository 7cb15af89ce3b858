#pragma once
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>

#include "flowedge/decode.hpp"
#include "flowedge/flow_observer.hpp"
#include "flowedge/frame.hpp"
#include "flowedge/mode.hpp"
#include "flowedge/packet_block.hpp"
#include "flowedge/record.hpp"
#include "flowedge/skip.hpp"

namespace flowedge {

struct EngineOptions {
  Mode mode = Mode::netflower;
  std::int64_t idle_timeout_ns = 120'000'000'000;
  std::int64_t max_duration_ns = 0;        ///< active time-out; 0: none
  std::int64_t linger_ns = 1'000'000'000;  ///< how long packets of a closed TCP connection are its leftovers
  /// The clock closes no flow, and forgets no closed one, as long as the table holds no more than this. In a capture
  /// in which time runs back (merged or concatenated ones) flows then end by their own packets' times alone. 0 when
  /// live.
  std::uint32_t held_flows = 0;
  std::uint32_t max_flows = 0;          ///< bound on the flow table; 0: it grows as needed
  std::uint64_t hash_seed[2] = {0, 0};  ///< must be random where traffic is not trusted; changes no output
  DecodeOptions decode;
};

/// Packets in, closed flows out. One thread at a time, but for decode(); it has no clock of its own.
class Engine {
 public:
  /// Never null. Here and below, std::bad_alloc when memory runs out.
  static std::unique_ptr<Engine> make(const EngineOptions& options);
  virtual ~Engine() = default;

  /// Takes frames in order until all are taken or `out` is full; returns how many were taken.
  /// A taken frame's octets are not needed any more.
  virtual std::size_t process(const Frame* frames, std::size_t count, RecordBatch& out) = 0;

  /// The first half of process(), for a thread of its own: decodes frames in order until all are taken or the block
  /// is full; returns how many were taken. Changes nothing but the block, so that it may run beside all else.
  virtual std::size_t decode(const Frame* frames, std::size_t count, PacketBlock& block) const = 0;

  /// The second half: brings a block's packets to their flows; false if `out` became full first (call again).
  virtual bool process(PacketBlock& block, RecordBatch& out) = 0;

  /// Moves the idle clock to `now_ns` without a packet; false if `out` became full first (call again).
  virtual bool advance(std::int64_t now_ns, RecordBatch& out) = 0;

  /// Closes every flow (end of input); false if `out` became full first (call again).
  virtual bool flush(RecordBatch& out) = 0;

  /// What is added to the times of day in records: packets' times may be steady ones (see SteadyTime). Flows that are
  /// open have the new one too.
  virtual void set_wall_offset(std::int64_t nanoseconds) = 0;
  /// Reports to the observer from now on; null: to nobody.
  virtual void observe(FlowObserver* observer) = 0;

  static constexpr std::int64_t kNothingSettled = std::numeric_limits<std::int64_t>::min();
  static constexpr std::int64_t kNoFlow = std::numeric_limits<std::int64_t>::max();

  /// Every flow with this `closed_ns` or an earlier one has been written (ns since 1970), unless time ran back.
  /// kNothingSettled before the first packet, and with held_flows, which leave flows open that are over.
  virtual std::int64_t settled_ns() const = 0;
  /// `first_ns` of the open flow that began first; kNoFlow without one. Looks at every flow.
  virtual std::int64_t oldest_start_ns() = 0;

  virtual const Counters& counters() const = 0;
  virtual std::size_t open_flows() const = 0;
  /// Notes a frame that never reaches the flows (the filter's refusals).
  virtual void skip(Skip reason) = 0;
};

}  // namespace flowedge
