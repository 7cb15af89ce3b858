#pragma once
#include <algorithm>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "flow_frames.hpp"
#include "flowedge/engine.hpp"

/// Whether every column of two records holds the same octets (padding between them aside).
inline bool same_record(const flowedge::FlowRecord& a, const flowedge::FlowRecord& b) {
  bool same = a.flow_id_reversed == b.flow_id_reversed;
#define X(name, ...) same = same && std::memcmp(&a.name, &b.name, sizeof a.name) == 0;
  FLOWEDGE_ALL_COLUMNS(X)
#undef X
  return same;
}

inline bool same_records(const std::vector<flowedge::FlowRecord>& a, const std::vector<flowedge::FlowRecord>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), same_record);
}

inline flowedge::Frame view(const frames::TimedFrame& frame) {
  const auto size = static_cast<std::uint32_t>(frame.octets.size());
  return {frame.octets.data(), frame.time_ns, size, size, 1};
}

/// An engine and all records that it has written, taken from it `wanted` at a time.
class EngineRun {
 public:
  explicit EngineRun(const flowedge::EngineOptions& options, std::size_t wanted = 64)
      : EngineRun(flowedge::Engine::make(options), wanted) {}
  explicit EngineRun(std::unique_ptr<flowedge::Engine> engine, std::size_t wanted = 64)
      : engine_(std::move(engine)), wanted_(wanted) {}

  void send(const flowedge::Frame* frames, std::size_t count) {
    for (std::size_t taken = 0; taken < count;) {
      take([&](flowedge::RecordBatch& out) {
        taken += engine_->process(frames + taken, count - taken, out);
        return true;
      });
    }
    settle();
  }

  void send(const frames::Trace& trace) {
    std::vector<flowedge::Frame> views;
    for (const frames::TimedFrame& frame : trace) views.push_back(view(frame));
    send(views.data(), views.size());
  }

  void send(std::int64_t time_ns, const frames::Octets& octets) { send(frames::Trace{{time_ns, octets}}); }

  void advance(std::int64_t now_ns) {
    while (!take([&](flowedge::RecordBatch& out) { return engine_->advance(now_ns, out); })) {
    }
  }

  void flush() {
    while (!take([&](flowedge::RecordBatch& out) { return engine_->flush(out); })) {
    }
  }

  flowedge::Engine& engine() { return *engine_; }
  const std::vector<flowedge::FlowRecord>& records() const { return records_; }
  const flowedge::Counters& counters() const { return engine_->counters(); }
  std::uint64_t skipped(flowedge::Skip reason) const { return counters().skipped[static_cast<std::size_t>(reason)]; }

  std::uint64_t skipped() const {
    std::uint64_t sum = 0;
    for (const std::uint64_t count : counters().skipped) sum += count;
    return sum;
  }

  /// Whether every packet was accounted for after each call of the engine.
  bool always_balanced() const { return balanced_; }

 private:
  /// Has the engine apply what it holds back when a batch was full.
  void settle() {
    std::size_t written;
    do {
      written = records_.size();
      take([&](flowedge::RecordBatch& out) {
        engine_->process(nullptr, 0, out);
        return true;
      });
    } while (records_.size() != written);
  }

  template <class Call>
  bool take(Call call) {
    flowedge::RecordBatch out(wanted_);
    const bool done = call(out);
    records_.insert(records_.end(), out.data(), out.data() + out.size());
    balanced_ = balanced_ && counters().packets == counters().in_flows + skipped();
    return done;
  }

  std::unique_ptr<flowedge::Engine> engine_;
  std::size_t wanted_;
  bool balanced_ = true;
  std::vector<flowedge::FlowRecord> records_;
};

/// The records of a trace, the flush included.
inline std::vector<flowedge::FlowRecord> records_of(const flowedge::EngineOptions& options, const frames::Trace& trace,
                                                    std::size_t wanted = 64) {
  EngineRun run(options, wanted);
  run.send(trace);
  run.flush();
  return run.records();
}
