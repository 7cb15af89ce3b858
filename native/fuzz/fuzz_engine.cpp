// The first octets choose the options (see options_from()); then come frames: how far time moves, what the frame is,
// and its varying parts (see Input::frame()). Every promise of the engine that holds for any input is checked.
#include <cmath>
#include <cstdlib>

#include "../tests/engine_run.hpp"

using flowedge::EngineOptions;
using flowedge::FlowRecord;
using flowedge::Mode;

namespace {

using frames::kMicrosecond;
using frames::kSecond;

void require(bool holds) {
  if (!holds) std::abort();
}

/// The input, octet by octet; zeros when it is used up.
class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size) : data_(data), size_(size) {}

  bool empty() const { return size_ == 0; }

  std::uint8_t octet() {
    if (empty()) return 0;
    --size_;
    return *data_++;
  }

  std::uint64_t word() {
    std::uint64_t value = 0;
    for (int i = 0; i < 8; ++i) value = value << 8 | octet();
    return value;
  }

  /// Small steps, time-outs and leaps, either way; or any time at all.
  std::int64_t time_after(std::int64_t time) {
    constexpr std::int64_t kUnits[] = {1, kMicrosecond, kSecond / 10, kSecond, 10 * kSecond, 1000 * kSecond};
    const std::uint8_t what = octet();
    if (what % 8 == 7) return static_cast<std::int64_t>(word());
    const std::int64_t step = (what % 8 == 6 ? -kSecond : kUnits[what % 8]) * (what >> 3);
    std::int64_t moved;
    return __builtin_add_overflow(time, step, &moved) ? 0 : moved;
  }

  /// TCP or UDP of one of eight pairs of endpoints, either way; or octets that are anything.
  frames::Octets frame() {
    const std::uint8_t what = octet();
    frames::Endpoint from{0x0a000001, static_cast<std::uint16_t>(what & 7)}, to = frames::kServer;
    if ((what & 8) != 0) std::swap(from, to);
    switch (what >> 6) {
      case 0:
        return frames::udp_frame(from, to, octet());
      case 1:
        return anything(octet());
      default:
        const std::uint8_t flags = octet(), payload = octet();
        return frames::tcp_frame(from, to, flags, payload % 16, {payload, payload, 0});
    }
  }

 private:
  frames::Octets anything(std::size_t count) {
    frames::Octets octets;
    for (; octets.size() < count && !empty();) octets.push_back(octet());
    return octets;
  }

  const std::uint8_t* data_;
  std::size_t size_;
};

EngineOptions options_from(Input& input) {
  EngineOptions options;
  options.mode = static_cast<Mode>(input.octet() % 4);
  options.max_flows = input.octet() % 8;
  options.held_flows = input.octet() % 4;
  options.idle_timeout_ns = input.octet() * kSecond;
  options.max_duration_ns = input.octet() * kSecond;
  options.linger_ns = input.octet() * kSecond / 10;
  const std::uint8_t decode = input.octet();
  options.decode.all_protocols = (decode & 1) != 0;
  options.decode.decapsulate = (decode & 2) != 0;
  return options;
}

frames::Trace trace_from(Input& input) {
  frames::Trace trace;
  std::int64_t time = 0;
  while (!input.empty()) {
    time = input.time_after(time);
    trace.push_back({time, input.frame()});
  }
  return trace;
}

/// But for what rounding does to the mean.
void require_order(double min, double mean, double max) {
  const double slack = 1e-12 * (std::abs(min) + std::abs(max));
  require(min - slack <= mean && mean <= max + slack);
}

bool usable(double value) {
  return std::isfinite(value);
}
template <class Type>
bool usable(const Type&) {
  return true;
}

void check_values(const FlowRecord& record) {
#define X(name, ...) require(usable(record.name));
  FLOWEDGE_ALL_COLUMNS(X)
#undef X
  require_order(record.fwd_pkt_len_min, record.fwd_pkt_len_mean, record.fwd_pkt_len_max);
  require_order(record.bwd_pkt_len_min, record.bwd_pkt_len_mean, record.bwd_pkt_len_max);
  require_order(record.pkt_len_min, record.pkt_len_mean, record.pkt_len_max);
  require_order(record.flow_iat_min, record.flow_iat_mean, record.flow_iat_max);
  require_order(record.fwd_iat_min, record.fwd_iat_mean, record.fwd_iat_max);
  require_order(record.bwd_iat_min, record.bwd_iat_mean, record.bwd_iat_max);
  require_order(record.active_min, record.active_mean, record.active_max);
  require_order(record.idle_min, record.idle_mean, record.idle_max);
}

void check_counters(const EngineRun& run, std::size_t frames) {
  std::uint64_t in_records = 0;
  for (const FlowRecord& record : run.records()) in_records += record.tot_fwd_pkts + record.tot_bwd_pkts;
  require(run.always_balanced());
  require(run.counters().packets == frames);
  require(run.counters().in_flows == in_records);
  require(run.counters().flows == run.records().size());
}

EngineRun run_of(const EngineOptions& options, const frames::Trace& trace, std::size_t wanted) {
  EngineRun run(options, wanted);
  run.send(trace);
  run.advance(trace.empty() ? 0 : trace.back().time_ns);
  require(options.max_flows == 0 || run.engine().open_flows() <= options.max_flows);
  run.flush();
  require(run.engine().open_flows() == 0);
  return run;
}

}  // namespace

// NOLINTNEXTLINE(readability-identifier-naming): the name is libFuzzer's
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  EngineOptions options = options_from(input);
  const std::size_t wanted = input.octet() % 32 + 1;
  const frames::Trace trace = trace_from(input);

  const EngineRun run = run_of(options, trace, 1000);
  check_counters(run, trace.size());
  if (flowedge::time_unit(options.mode) == flowedge::TimeUnit::seconds) {
    for (const FlowRecord& record : run.records()) check_values(record);
  }
  options.hash_seed[0] = options.hash_seed[1] = 0x9e3779b97f4a7c15;
  const EngineRun again = run_of(options, trace, wanted);
  check_counters(again, trace.size());
  require(same_records(run.records(), again.records()));
  return 0;
}
