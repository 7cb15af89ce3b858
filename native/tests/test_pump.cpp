#include "check.hpp"
#include "flowedge/pump.hpp"

using flowedge::Frame;
using flowedge::Pump;
using flowedge::PumpStatus;
using flowedge::ReadStatus;
using flowedge::RecordBatch;

namespace {

constexpr std::int64_t kSpent = -1;

/// Delivers frames numbered by their time; those of the call before lose their number, as their octets would.
class NumberedReader final : public flowedge::CaptureReader {
 public:
  explicit NumberedReader(std::int64_t frames) : frames_(frames) {}
  std::int64_t interrupt_at = -2;

  std::size_t next(Frame* frames, std::size_t room) override {
    if (at_ == interrupt_at) {
      interrupt_at = -2;
      return 0;
    }
    octets_.assign(room, kSpent);
    std::size_t count = 0;
    for (; count < room && at_ < frames_ && at_ != interrupt_at; ++count) {
      octets_[count] = at_++;
      frames[count] = {reinterpret_cast<const std::uint8_t*>(&octets_[count]), 0, 8, 8, 1};
    }
    if (count == 0) status_ = ReadStatus::cut_short;
    return count;
  }
  ReadStatus status() const override { return status_; }
  std::string problem() const override { return {}; }
  std::uint64_t octets_read() const override { return 0; }

 private:
  std::int64_t frames_;
  std::int64_t at_ = 0;
  std::vector<std::int64_t> octets_ = std::vector<std::int64_t>(64);
  ReadStatus status_ = ReadStatus::more;
};

/// Writes a record for every third frame and keeps the numbers it saw.
class RecordingEngine final : public flowedge::Engine {
 public:
  std::vector<std::int64_t> seen;
  std::size_t filtered = 0;

  std::size_t process(const Frame* frames, std::size_t count, RecordBatch& out) override {
    std::size_t taken = 0;
    for (; taken < count && !out.full(); ++taken) {
      std::int64_t number;
      std::memcpy(&number, frames[taken].data, sizeof number);
      seen.push_back(number);
      if (seen.size() % 3 == 0) out.append();
    }
    return taken;
  }
  std::size_t decode(const Frame* frames, std::size_t count, flowedge::PacketBlock& block) const override {
    std::size_t taken = 0;
    for (; taken < count && !block.full(); ++taken) {
      std::memcpy(&block.packets[block.size++].time, frames[taken].data, sizeof(std::int64_t));
    }
    return taken;
  }
  bool process(flowedge::PacketBlock&, RecordBatch&) override { return true; }
  bool advance(std::int64_t, RecordBatch&) override { return true; }
  bool flush(RecordBatch&) override { return true; }
  void set_wall_offset(std::int64_t) override {}
  void observe(flowedge::FlowObserver*) override {}
  const flowedge::Counters& counters() const override { return counters_; }
  std::size_t open_flows() const override { return 0; }
  std::int64_t settled_ns() const override { return 0; }
  std::int64_t oldest_start_ns() override { return 0; }
  void skip(flowedge::Skip reason) override { filtered += reason == flowedge::Skip::filtered; }

 private:
  flowedge::Counters counters_;
};

/// Passes frames whose first octet, the low one of their number on a little-endian machine, is even.
bool compile_even(const std::string&, std::uint16_t, flowedge::BpfProgram& program, std::string&) {
  const std::uint32_t one = 1;
  std::uint8_t low;
  std::memcpy(&low, &one, 1);
  program = {{0x30, 0, 0, low == 1 ? 0U : 7U}, {0x45, 1, 0, 1}, {0x06, 0, 0, 1}, {0x06, 0, 0, 0}};
  return true;
}

void check_seen(const RecordingEngine& engine, std::int64_t count, std::int64_t step = 1) {
  CHECK_EQ(engine.seen.size(), static_cast<std::size_t>(count));
  for (std::int64_t i = 0; i < count; ++i) CHECK_EQ(engine.seen[static_cast<std::size_t>(i)], i * step);
}

}  // namespace

TEST(pump_carries_every_frame_once_and_in_order) {
  for (const std::size_t wanted : {1U, 2U, 7U, 21U, 22U, 1000U}) {
    NumberedReader reader(500);
    RecordingEngine engine;
    Pump pump(reader, engine, nullptr);
    std::size_t records = 0;
    PumpStatus status;
    do {
      RecordBatch batch(wanted);
      status = pump.run(batch, 1 << 20);
      CHECK_EQ(batch.full(), status == PumpStatus::batch_full);
      records += batch.size();
    } while (status != PumpStatus::end);
    check_seen(engine, 500);
    CHECK_EQ(records, 500U / 3);
  }
}

TEST(pump_filters_in_place) {
  NumberedReader reader(500);
  RecordingEngine engine;
  flowedge::PacketFilter filter("even", compile_even);
  Pump pump(reader, engine, &filter);
  RecordBatch batch(1000);
  CHECK(pump.run(batch, 1 << 20) == PumpStatus::end);
  check_seen(engine, 250, 2);
  CHECK_EQ(engine.filtered, 250U);
}

TEST(pump_pauses_for_the_budget_and_for_signals) {
  NumberedReader reader(500);
  reader.interrupt_at = 300;
  RecordingEngine engine;
  Pump pump(reader, engine, nullptr);
  RecordBatch batch(1000);
  CHECK(pump.run(batch, 100) == PumpStatus::pause);
  CHECK(engine.seen.size() >= 100 && engine.seen.size() < 100 + 64);
  CHECK(pump.run(batch, 1000) == PumpStatus::pause);
  CHECK_EQ(engine.seen.size(), 300U);
  CHECK(pump.run(batch, 1000) == PumpStatus::end);
  check_seen(engine, 500);
}

TEST(pump_leaves_a_full_batch_alone) {
  NumberedReader reader(10);
  RecordingEngine engine;
  Pump pump(reader, engine, nullptr);
  RecordBatch batch(0);
  CHECK(pump.run(batch, 1000) == PumpStatus::batch_full);
  CHECK(engine.seen.empty());
}
