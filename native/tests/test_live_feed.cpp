#include "check.hpp"
#include "engine_run.hpp"
#include "flowedge/live_feed.hpp"

using flowedge::EngineOptions;
using flowedge::FlowRecord;
using flowedge::Frame;
using flowedge::HostTime;
using flowedge::LiveFeed;
using flowedge::RecordBatch;
using flowedge::Skip;
using flowedge::SteadyTime;
using frames::kMillisecond;
using frames::kSecond;
namespace tcp = flowedge::tcp;

namespace {

constexpr std::int64_t kBegin = 1'700'000'000 * kSecond;
constexpr std::int64_t kHour = 3600 * kSecond;
constexpr std::int64_t kIdle = 10 * kSecond;

HostTime host{};

void pass(std::int64_t time) {
  host.wall += time, host.steady += time;
}

/// A feed with an engine of its own and a host's clock at kBegin.
class Fed {
 public:
  explicit Fed(flowedge::FlowSaver* saver = nullptr, std::size_t wanted = 64)
      : engine(flowedge::Engine::make(options())), feed(*engine, start_clock(), saver), wanted_(wanted) {}

  void take(const frames::Octets& octets, std::int64_t age = 0) {
    feed.begin();
    feed.take(view({host.wall - age, octets}));
  }
  void process() {
    while (!collect([this](RecordBatch& out) { return feed.process(out); })) {
    }
  }
  void idle() {
    feed.begin();
    idle_as_of_begin();
  }
  void idle_as_of_begin() {
    while (!collect([this](RecordBatch& out) { return feed.idle(out); })) {
    }
  }
  void flush() {
    process();
    while (!collect([this](RecordBatch& out) { return engine->flush(out); })) {
    }
  }

  std::unique_ptr<flowedge::Engine> engine;
  LiveFeed feed;
  std::vector<FlowRecord> records;

 private:
  static EngineOptions options() {
    EngineOptions options;
    options.idle_timeout_ns = kIdle;
    return options;
  }
  static SteadyTime start_clock() {
    host = {kBegin, kSecond};
    return {[] { return host; }, true};
  }

  template <class Call>
  bool collect(Call call) {
    RecordBatch out(wanted_);
    const bool done = call(out);
    records.insert(records.end(), out.data(), out.data() + out.size());
    return done;
  }

  std::size_t wanted_;
};

/// Notes what the feed stages.
class NotingSaver final : public flowedge::FlowSaver {
 public:
  struct Note {
    std::size_t packet;
    std::int64_t time_ns;
  };
  std::vector<Note> staged;
  std::vector<std::size_t> reached_packets;
  std::size_t cleared = 0;

  void stage(std::size_t packet, const Frame& frame) override { staged.push_back({packet, frame.time_ns}); }
  void clear_stage() override { ++cleared; }
  void reached(std::uint32_t, std::size_t packet) override { reached_packets.push_back(packet); }
  void closed(std::uint32_t, const FlowRecord&) override {}
  void discarded(std::uint32_t) override {}
  const flowedge::SaverCounters& counters() const override { return counters_; }
  const std::string& problem() const override { return problem_; }

 private:
  flowedge::SaverCounters counters_;
  std::string problem_;
};

}  // namespace

TEST(frames_become_flows) {
  Fed fed;
  for (int i = 0; i < 5; ++i) {
    fed.take(frames::up(tcp::kAck));
    pass(kSecond);
  }
  fed.flush();
  CHECK_EQ(fed.records.size(), 1U);
  CHECK_EQ(fed.records[0].tot_fwd_pkts, 5U);
  CHECK_EQ(fed.records[0].first_ns, kBegin);
  CHECK_EQ(fed.records[0].last_ns, kBegin + 4 * kSecond);
}

TEST(frames_in_no_flow_are_counted) {
  Fed fed;
  fed.take({1, 2, 3});
  fed.feed.skip(Skip::filtered);
  fed.process();
  CHECK_EQ(fed.engine->counters().packets, 2U);
  CHECK_EQ(fed.engine->counters().skipped[static_cast<std::size_t>(Skip::filtered)], 1U);
}

TEST(room_is_what_may_be_taken) {
  Fed fed;
  const std::size_t room = fed.feed.room();
  CHECK(room >= 64);
  for (std::size_t i = 0; i < room; ++i) fed.take(frames::up(tcp::kAck));
  CHECK_EQ(fed.feed.room(), 0U);
  fed.process();
  CHECK_EQ(fed.feed.room(), room);
  CHECK_EQ(fed.engine->counters().packets, room);
}

TEST(a_full_batch_loses_nothing) {
  Fed fed(nullptr, 1);
  for (std::uint16_t port = 1; port <= 50; ++port) {
    fed.take(frames::tcp_frame({frames::kClient.address, port}, frames::kServer, tcp::kRst));
  }
  fed.process();
  CHECK_EQ(fed.records.size(), 50U);
}

TEST(a_silent_flow_is_closed_on_time_and_not_before) {
  Fed fed;
  fed.take(frames::up(tcp::kAck));
  for (std::int64_t silent = 0; silent <= kIdle; silent += 200 * kMillisecond) {
    fed.idle();
    CHECK(fed.records.empty());
    pass(200 * kMillisecond);
  }
  pass(kSecond / 2);
  fed.idle();
  CHECK_EQ(fed.records.size(), 1U);
}

TEST(the_clock_is_not_ahead_of_frames_that_still_wait) {
  Fed fed;
  const std::int64_t age = 2 * kSecond;  // with which frames come
  fed.take(frames::up(tcp::kAck), age);
  fed.process();
  pass(kIdle - kSecond);
  fed.idle();
  fed.take(frames::up(tcp::kAck), age);
  fed.flush();
  CHECK_EQ(fed.records.size(), 1U);
}

TEST(a_frame_that_the_kernel_keeps_is_in_time) {
  constexpr std::int64_t kKept = 2 * flowedge::kGatherMilliseconds * kMillisecond;
  Fed fed;
  fed.take(frames::up(tcp::kAck));
  fed.process();
  pass(kIdle + kKept - kMillisecond);
  fed.idle();
  fed.take(frames::up(tcp::kAck), kKept);
  fed.flush();
  CHECK_EQ(fed.records.size(), 1U);
}

TEST(the_clock_is_not_behind_frames_that_were_taken) {
  Fed fed;
  fed.take(frames::up(tcp::kAck));
  fed.process();
  pass(kIdle + 100 * kMillisecond);
  fed.take(frames::tcp_frame({frames::kClient.address, 1}, frames::kServer, tcp::kAck));
  fed.idle();
  CHECK_EQ(fed.records.size(), 1U);
}

TEST(what_comes_while_frames_are_taken_is_not_late) {
  Fed fed;
  fed.take(frames::up(tcp::kAck));
  fed.process();
  pass(kIdle - kSecond);
  fed.feed.begin();
  pass(3 * kSecond);  // the thread is set aside
  fed.idle_as_of_begin();
  fed.take(frames::up(tcp::kAck), 2 * kSecond);
  fed.flush();
  CHECK_EQ(fed.records.size(), 1U);
}

TEST(idleness_without_frames_does_not_hold_the_clock) {
  Fed fed;
  fed.idle();
  fed.take(frames::up(tcp::kAck));
  for (int i = 0; i < 120; ++i) {
    fed.process();
    fed.idle();
    pass(kSecond / 10);
  }
  CHECK_EQ(fed.records.size(), 1U);
}

TEST(a_clock_that_is_set_closes_no_flow) {
  for (const std::int64_t step : {kHour, -kHour}) {
    Fed fed;
    fed.take(frames::up(tcp::kAck));
    fed.idle();
    pass(kSecond);
    host.wall += step;
    fed.idle();
    CHECK(fed.records.empty());
    fed.take(frames::up(tcp::kAck));
    fed.flush();
    CHECK_EQ(fed.records.size(), 1U);
    CHECK_EQ(fed.records[0].flow_duration, 1.0);
    CHECK_EQ(fed.records[0].last_ns, host.wall);
  }
}

TEST(times_of_day_follow_the_clock_while_nothing_comes) {
  Fed fed;
  fed.take(frames::up(tcp::kAck));
  fed.process();
  host.wall += kHour;
  pass(2 * kIdle);
  fed.idle();
  CHECK_EQ(fed.records.size(), 1U);
  CHECK_EQ(fed.records[0].first_ns, kBegin + kHour);
}

TEST(frames_are_staged_under_their_place_with_their_own_stamp) {
  NotingSaver saver;
  Fed fed(&saver);
  host.wall += kHour;
  fed.take(frames::up(tcp::kAck));
  fed.take({1, 2, 3});
  fed.take(frames::down(tcp::kAck), kMillisecond);
  CHECK_EQ(saver.staged.size(), 2U);
  CHECK_EQ(saver.staged[1].packet, 1U);
  CHECK_EQ(saver.staged[1].time_ns, kBegin + kHour - kMillisecond);
  CHECK_EQ(saver.cleared, 0U);
  fed.process();
  CHECK(saver.reached_packets == std::vector<std::size_t>({0, 1}));
  CHECK_EQ(saver.cleared, 1U);
}

TEST(few_frames_are_staged_at_a_time) {
  NotingSaver saver;
  Fed fed(&saver);
  CHECK_EQ(fed.feed.room(), 32U);
}

TEST(the_engine_no_longer_reports_when_the_feed_is_gone) {
  NotingSaver saver;
  const auto engine = flowedge::Engine::make({});
  { const LiveFeed feed(*engine, {flowedge::host_time, true}, &saver); }
  RecordBatch out(8);
  const frames::TimedFrame timed{kBegin, frames::up(tcp::kAck)};
  const Frame frame = view(timed);
  engine->process(&frame, 1, out);
  engine->flush(out);
  CHECK_EQ(out.size(), 1U);
  CHECK(saver.reached_packets.empty());
}
