#include <map>

#include "check.hpp"
#include "engine_run.hpp"
#include "flowedge/flow_observer.hpp"

using flowedge::Engine;
using flowedge::EngineOptions;
using flowedge::FlowRecord;
using flowedge::Mode;
using flowedge::Skip;
using frames::kMicrosecond;
using frames::kSecond;
namespace tcp = flowedge::tcp;

namespace {

constexpr Mode kModes[] = {Mode::netflower, Mode::cicflowmeter, Mode::engelen, Mode::corrected};
constexpr std::int64_t kBegin = 1'700'000'000 * kSecond + 123'456'789;

EngineOptions options_of(Mode mode) {
  EngineOptions options;
  options.mode = mode;
  options.idle_timeout_ns = 10 * kSecond;
  return options;
}

/// Keeps count of the packets of each open flow, and checks what it is told against the records.
class CheckedFlows final : public flowedge::FlowObserver {
 public:
  void reached(std::uint32_t flow, std::size_t packet) override {
    CHECK(packet >= next_place_);
    next_place_ = packet + 1;
    ++open_[flow];
  }
  void closed(std::uint32_t flow, const FlowRecord& record) override {
    CHECK(open_.count(flow) == 1);
    CHECK_EQ(open_[flow], record.tot_fwd_pkts + record.tot_bwd_pkts);
    in_records_ += open_[flow];
    open_.erase(flow);
    ++records_;
  }
  void discarded(std::uint32_t flow) override {
    CHECK_EQ(open_.at(flow), 1U);
    open_.erase(flow);
    ++discarded_;
  }

  void begin_block() { next_place_ = 0; }
  std::size_t next_place() const { return next_place_; }
  std::uint64_t in_records() const { return in_records_; }
  std::uint64_t records() const { return records_; }
  std::uint64_t discarded() const { return discarded_; }
  std::size_t open() const { return open_.size(); }

 private:
  std::map<std::uint32_t, std::uint32_t> open_;
  std::size_t next_place_ = 0;
  std::uint64_t in_records_ = 0;
  std::uint64_t records_ = 0;
  std::uint64_t discarded_ = 0;
};

/// Connections that end in every way, begin anew, trail off, fall silent.
frames::Trace eventful_trace() {
  frames::Trace trace;
  std::int64_t now = kBegin;
  const auto add = [&](std::int64_t gap, const frames::Octets& octets) { trace.push_back({now += gap, octets}); };
  for (int round = 0; round < 30; ++round) {
    const frames::Endpoint client{0x0a000001U + static_cast<std::uint32_t>(round % 4), 40000};
    const auto to_server = [&](std::uint8_t flags) { return frames::tcp_frame(client, frames::kServer, flags, 10); };
    const auto to_client = [&](std::uint8_t flags) { return frames::tcp_frame(frames::kServer, client, flags, 20); };
    add(kSecond / 10, to_server(tcp::kSyn));
    add(kSecond / 10, to_client(tcp::kSyn | tcp::kAck));
    add(kSecond / 10, to_server(tcp::kFin | tcp::kAck));
    add(kSecond / 10, to_client(tcp::kFin | tcp::kAck));
    add(kSecond / 10, to_server(tcp::kAck));
    add(round % 3 * kSecond, to_server(tcp::kAck));
    add(kSecond, frames::udp_frame(client, frames::kServer, 5));
    add(round % 7 == 0 ? 130 * kSecond : kSecond, to_client(tcp::kRst));
    add(kSecond, frames::udp_frame({0x0a000100U + static_cast<std::uint32_t>(round), 53}, frames::kServer, 5));
  }
  return trace;
}

}  // namespace

TEST(observer_is_told_of_each_packet_and_each_end) {
  for (const Mode mode : kModes) {
    for (const std::uint32_t max_flows : {0U, 3U}) {
      EngineOptions options = options_of(mode);
      options.max_flows = max_flows;
      EngineRun run(options);
      CheckedFlows flows;
      run.engine().observe(&flows);
      for (const frames::TimedFrame& frame : eventful_trace()) {
        flows.begin_block();
        run.send(frame.time_ns, frame.octets);
      }
      CHECK_EQ(flows.open(), run.engine().open_flows());
      run.flush();
      CHECK_EQ(flows.open(), 0U);
      CHECK_EQ(flows.records(), run.counters().flows);
      CHECK_EQ(flows.in_records(), run.counters().in_flows);
      CHECK_EQ(flows.discarded(), run.skipped(Skip::single));
      CHECK_EQ(flows.discarded() > 0, mode == Mode::cicflowmeter);
    }
  }
}

TEST(observer_is_told_a_packets_place_in_its_block) {
  const auto engine = Engine::make(options_of(Mode::netflower));
  CheckedFlows flows;
  engine->observe(&flows);
  flowedge::PacketBlock block(8);
  std::vector<frames::Octets> octets{frames::up(tcp::kSyn), frames::Octets{1, 2, 3}, frames::down(tcp::kAck)};
  for (const frames::Octets& frame : octets) {
    const auto size = static_cast<std::uint32_t>(frame.size());
    const flowedge::Frame shown{frame.data(), kBegin, size, size, 1};
    engine->decode(&shown, 1, block);
  }
  flowedge::RecordBatch out(8);
  CHECK(engine->process(block, out));
  CHECK_EQ(flows.next_place(), 2U);
}

TEST(observer_can_leave) {
  EngineRun run(options_of(Mode::netflower));
  CheckedFlows flows;
  run.engine().observe(&flows);
  run.engine().observe(nullptr);
  run.send(kBegin, frames::up(tcp::kRst));
  CHECK_EQ(flows.records() + flows.open(), 0U);
}

TEST(wall_offset_moves_times_of_day_and_nothing_else) {
  for (const Mode mode : kModes) {
    for (const std::int64_t offset : {3600 * kSecond + 654'321 * kMicrosecond, -7200 * kSecond - 1 * kMicrosecond}) {
      frames::Trace steady = eventful_trace();
      const std::vector<FlowRecord> expected = records_of(options_of(mode), steady);
      for (frames::TimedFrame& frame : steady) frame.time_ns -= offset;
      EngineRun run(options_of(mode));
      run.engine().set_wall_offset(offset);
      run.send(steady);
      run.flush();
      CHECK(same_records(run.records(), expected));
    }
  }
}

TEST(wall_offset_of_the_end_holds_for_the_whole_flow) {
  EngineRun run(options_of(Mode::corrected));
  run.send(kBegin, frames::up(tcp::kSyn));
  run.engine().set_wall_offset(60 * kSecond);
  run.flush();
  CHECK_EQ(run.records().at(0).first_ns, kBegin + 60 * kSecond);
  CHECK_EQ(run.records().at(0).last_ns, kBegin + 60 * kSecond);
}

TEST(wall_offset_beyond_all_bounds_does_not_overflow) {
  for (const Mode mode : kModes) {
    for (const std::int64_t extreme : {INT64_MIN, INT64_MAX}) {
      EngineRun run(options_of(mode));
      run.engine().set_wall_offset(extreme);
      run.send({{(std::int64_t{1} << 62) - 1, frames::up(tcp::kSyn)}, {-(std::int64_t{1} << 62) + 1, frames::up(0)}});
      run.flush();
      CHECK(!run.records().empty());
    }
  }
}
