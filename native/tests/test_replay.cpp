#include "check.hpp"
#include "engine_run.hpp"
#include "flowedge/replay.hpp"

using flowedge::Frame;
using flowedge::LiveFeed;
using flowedge::ReadStatus;
using flowedge::RecordBatch;
using flowedge::Replay;
using flowedge::ReplayStatus;
using flowedge::Skip;
using frames::kSecond;

namespace {

constexpr std::int64_t kAll = INT64_MAX;

/// Delivers frames with given stamps; the octets of those of the call before are overwritten.
class StampedReader final : public flowedge::CaptureReader {
 public:
  explicit StampedReader(std::vector<std::int64_t> stamps) : stamps_(std::move(stamps)) {}
  std::size_t interrupt_at = SIZE_MAX;

  std::size_t next(Frame* frames, std::size_t room) override {
    for (frames::Octets& octets : octets_) octets.assign(octets.size(), 0xff);
    if (at_ == interrupt_at) {
      interrupt_at = SIZE_MAX;
      return 0;
    }
    octets_.assign(room, frames::udp_frame(frames::kClient, frames::kServer));
    std::size_t count = 0;
    for (; count < room && at_ < stamps_.size() && at_ != interrupt_at; ++count, ++at_) {
      const auto size = static_cast<std::uint32_t>(octets_[count].size());
      frames[count] = {octets_[count].data(), stamps_[at_], size, size, 1};
    }
    if (count == 0) status_ = ReadStatus::end;
    return count;
  }
  ReadStatus status() const override { return status_; }
  std::string problem() const override { return {}; }
  std::uint64_t octets_read() const override { return 0; }

 private:
  std::vector<std::int64_t> stamps_;
  std::size_t at_ = 0;
  std::vector<frames::Octets> octets_;
  ReadStatus status_ = ReadStatus::more;
};

std::vector<std::int64_t> every_second(std::size_t count) {
  std::vector<std::int64_t> stamps;
  for (std::size_t i = 0; i < count; ++i) stamps.push_back(static_cast<std::int64_t>(i) * kSecond);
  return stamps;
}

/// With one, a feed takes few frames at a time.
class IdleSaver final : public flowedge::FlowSaver {
 public:
  void stage(std::size_t, const Frame&) override {}
  void clear_stage() override {}
  void reached(std::uint32_t, std::size_t) override {}
  void closed(std::uint32_t, const flowedge::FlowRecord&) override {}
  void discarded(std::uint32_t) override {}
  const flowedge::SaverCounters& counters() const override { return counters_; }
  const std::string& problem() const override { return problem_; }

 private:
  flowedge::SaverCounters counters_;
  std::string problem_;
};

/// A replay with all that it takes.
struct Played {
  explicit Played(std::vector<std::int64_t> stamps, flowedge::PacketFilter* filter = nullptr)
      : reader(std::move(stamps)),
        replay(reader, filter),
        engine(flowedge::Engine::make({})),
        feed(*engine, flowedge::SteadyTime(flowedge::host_time, false), &saver) {}

  ReplayStatus run(std::int64_t until, std::size_t budget = 1 << 20) { return replay.run(feed, out, until, budget); }
  std::uint64_t packets() const { return engine->counters().packets; }

  StampedReader reader;
  Replay replay;
  std::unique_ptr<flowedge::Engine> engine;
  IdleSaver saver;
  LiveFeed feed;
  RecordBatch out{1000};
};

/// Passes nothing.
bool compile_nothing(const std::string&, std::uint16_t, flowedge::BpfProgram& program, std::string&) {
  program = {{0x06, 0, 0, 0}};
  return true;
}

}  // namespace

TEST(frames_come_when_they_are_due) {
  Played played(every_second(35));
  CHECK_EQ(played.replay.next_time(), flowedge::kNoTime);
  for (std::int64_t second = 0; second < 34; ++second) {
    CHECK(played.run(second * kSecond + 1) == ReplayStatus::due);
    CHECK_EQ(played.packets(), static_cast<std::uint64_t>(second) + 1);
    CHECK_EQ(played.replay.next_time(), (second + 1) * kSecond);
  }
  CHECK(played.run(34 * kSecond - 1) == ReplayStatus::due);
  CHECK_EQ(played.packets(), 34U);
  CHECK(played.run(34 * kSecond) == ReplayStatus::end);
  CHECK_EQ(played.packets(), 35U);
  CHECK_EQ(played.replay.next_time(), flowedge::kNoTime);
  CHECK(played.run(kAll) == ReplayStatus::end);
}

TEST(stamps_that_are_missing_or_run_back_are_due_at_once) {
  Played played({5 * kSecond, flowedge::kNoTime, 2 * kSecond, 6 * kSecond});
  CHECK(played.run(5 * kSecond) == ReplayStatus::due);
  CHECK_EQ(played.packets(), 3U);
  CHECK_EQ(played.engine->counters().skipped[static_cast<std::size_t>(Skip::untimed)], 1U);
}

TEST(many_frames_pass_through_a_feed_with_less_room) {
  Played played(every_second(2000));
  CHECK(played.feed.room() < 64);
  CHECK(played.run(kAll) == ReplayStatus::end);
  CHECK_EQ(played.packets(), 2000U);
}

TEST(the_budget_and_signals_make_pauses) {
  Played played(every_second(200));
  played.reader.interrupt_at = 145;
  CHECK(played.run(kAll, 20) == ReplayStatus::pause);
  CHECK(played.packets() >= 20 && played.packets() < 20 + 64);
  CHECK(played.run(kAll) == ReplayStatus::pause);
  CHECK_EQ(played.packets(), 145U);
  CHECK(played.run(kAll) == ReplayStatus::end);
  CHECK_EQ(played.packets(), 200U);
}

TEST(a_full_batch_interrupts_the_replay) {
  std::vector<std::int64_t> stamps;
  for (std::int64_t i = 0; i < 30; ++i) stamps.push_back(i * 1000 * kSecond);  // each a flow of its own
  Played played(stamps);
  std::size_t records = 0;
  ReplayStatus status;
  do {
    RecordBatch out(1);
    status = played.replay.run(played.feed, out, kAll, 1 << 20);
    CHECK(out.full() || status == ReplayStatus::end);
    records += out.size();
  } while (status == ReplayStatus::batch_full);
  CHECK(status == ReplayStatus::end);
  CHECK_EQ(records, 29U);
  CHECK_EQ(played.packets(), 30U);
}

TEST(what_the_filter_refuses_is_counted) {
  flowedge::PacketFilter filter("nothing", compile_nothing);
  Played played(every_second(7), &filter);
  CHECK(played.run(kAll) == ReplayStatus::end);
  CHECK_EQ(played.engine->counters().skipped[static_cast<std::size_t>(Skip::filtered)], 7U);
}
