#include <cmath>
#include <limits>

#include "check.hpp"
#include "engine_run.hpp"

using namespace flowedge;
using namespace frames;

namespace {

constexpr std::int64_t kIdleTimeout = 120 * kSecond;
constexpr Mode kWireModes[] = {Mode::netflower, Mode::corrected};
constexpr Mode kJavaModes[] = {Mode::cicflowmeter, Mode::engelen};
constexpr Endpoint kBystander{0x0a000063, 1234};

EngineOptions options_of(Mode mode) {
  EngineOptions options;
  options.mode = mode;
  return options;
}

std::int64_t seconds(double value) {
  return std::llround(value * 1e9);
}

Octets bystander() {
  return udp_frame(kBystander, kServer);
}

/// A bystander's packets, one a second from `first` to `last`.
Trace seconds_of_others(std::int64_t first, std::int64_t last) {
  Trace trace;
  for (std::int64_t second = first; second <= last; ++second) trace.push_back({second * kSecond, bystander()});
  return trace;
}

bool is_idle(const FlowRecord& record) {
  return record.end_reason == static_cast<std::uint8_t>(EndReason::idle);
}

std::uint32_t packets_of(const FlowRecord& record) {
  return record.tot_fwd_pkts + record.tot_bwd_pkts;
}

}  // namespace

TEST(idle_flow_is_closed_without_a_packet_of_its_own) {
  for (const Mode mode : kWireModes) {
    EngineRun run(options_of(mode));
    run.send(0, up(tcp::kAck));
    run.send(seconds_of_others(1, 120));
    CHECK_EQ(run.records().size(), 0U);
    run.send(seconds_of_others(121, 122));
    CHECK_EQ(run.records().size(), 1U);
    CHECK(is_idle(run.records()[0]));
    CHECK_EQ(run.records()[0].src_port, kClient.port);
    CHECK_EQ(run.engine().open_flows(), 1U);
  }
}

TEST(busy_flow_is_not_idle) {
  for (const Mode mode : kWireModes) {
    EngineRun run(options_of(mode));
    for (std::int64_t second = 0; second < 3000; second += 60) {
      run.send(second * kSecond, up(tcp::kAck));
      run.send(seconds_of_others(second, second + 59));
    }
    CHECK_EQ(run.records().size(), 0U);
    run.send(seconds_of_others(3000, 2940 + 122));
    CHECK_EQ(run.records().size(), 1U);
    CHECK_EQ(packets_of(run.records()[0]), 50U);
  }
}

TEST(clock_moves_without_packets) {
  for (const Mode mode : kWireModes) {
    EngineRun run(options_of(mode));
    run.advance(kSecond);  // before any packet
    run.send(0, up(tcp::kAck));
    run.advance(kIdleTimeout);
    run.advance(0);
    CHECK_EQ(run.records().size(), 0U);
    run.advance(kIdleTimeout + kSecond);
    CHECK_EQ(run.records().size(), 1U);
    CHECK(is_idle(run.records()[0]));
    CHECK_EQ(run.engine().open_flows(), 0U);
  }
}

TEST(silence_of_exactly_the_idle_timeout_is_within_it) {
  for (const Mode mode : kWireModes) {
    EngineRun run(options_of(mode));
    run.send({{0, up(tcp::kAck)}, {60 * kSecond, up(tcp::kAck)}});
    run.advance(180 * kSecond);
    CHECK_EQ(run.records().size(), 0U);
  }
}

TEST(flow_that_begins_within_a_tick_of_the_clock_is_closed_in_time) {
  for (const Mode mode : kWireModes) {
    EngineRun run(options_of(mode));
    run.send({{seconds(1000), bystander()}, {seconds(1000), bystander()}, {seconds(999.5), up(tcp::kAck)}});
    run.advance(seconds(1120.2));  // overdue, but its timer is not due yet
    run.advance(seconds(1120.4));
    CHECK_EQ(run.engine().open_flows(), 0U);
  }
}

TEST(clock_stops_at_a_full_batch_and_goes_on) {
  for (const Mode mode : kWireModes) {
    EngineRun run(options_of(mode), 1);
    for (std::uint16_t port = 1; port <= 100; ++port) run.send(port, udp_frame({kClient.address, port}, kServer));
    run.advance(kIdleTimeout + kSecond);
    CHECK_EQ(run.records().size(), 100U);
    for (const FlowRecord& record : run.records()) CHECK(is_idle(record));
  }
}

TEST(packet_goes_on_where_the_clock_stopped) {
  EngineRun run(options_of(Mode::netflower));
  for (std::uint16_t port = 1; port <= 9; ++port) run.send(0, udp_frame({kClient.address, port}, kServer));
  RecordBatch out(1);
  CHECK(!run.engine().advance(seconds(121), out));
  run.send(kSecond, bystander());
  CHECK_EQ(run.records().size(), 8U);
}

TEST(java_modes_have_no_idle_timeout) {
  for (const Mode mode : kJavaModes) {
    EngineRun run(options_of(mode));
    run.send({{0, up(tcp::kAck)}, {1000, up(tcp::kAck)}});
    run.send(seconds_of_others(0, 110));
    run.advance(1'000'000 * kSecond);
    CHECK_EQ(run.records().size(), 0U);
  }
}

TEST(clock_takes_any_time) {
  for (const Mode mode : kWireModes) {
    EngineRun run(options_of(mode));
    run.send(0, up(tcp::kAck));
    run.advance(std::numeric_limits<std::int64_t>::min());
    run.advance(std::numeric_limits<std::int64_t>::max());
    run.send({{kSecond, up(tcp::kSyn)}, {2 * kSecond, up(tcp::kRst)}, {3 * kSecond, bystander()}});
    run.flush();
    CHECK_EQ(run.records().size(), 3U);
    CHECK_EQ(packets_of(run.records()[0]), 1U);
  }
}

TEST(wild_time_stamp_does_not_close_everything) {
  for (const Mode mode : kWireModes) {
    EngineRun run(options_of(mode));
    run.send({{0, up(tcp::kAck)}, {1'000'000'000 * kSecond, bystander()}, {kSecond, up(tcp::kAck)}});
    run.send({{2 * kSecond, down(tcp::kAck)}});
    CHECK_EQ(run.records().size(), 0U);
    run.flush();
    CHECK_EQ(packets_of(run.records()[0]), 3U);
  }
}

TEST(two_packets_agree_on_a_leap) {
  for (const Mode mode : kWireModes) {
    EngineRun run(options_of(mode));
    run.send({{0, up(tcp::kAck)}, {1'000'000 * kSecond, bystander()}, {1'000'000 * kSecond, bystander()}});
    CHECK_EQ(run.records().size(), 1U);
    CHECK(is_idle(run.records()[0]));
  }
}

TEST(interface_whose_clock_is_behind_keeps_its_flows) {
  for (const std::int64_t behind : {60, 119, 125, 1000}) {
    EngineRun run(options_of(behind % 2 == 0 ? Mode::netflower : Mode::corrected));
    run.send(seconds_of_others(1998, 1999));
    for (std::int64_t second = 2000; second < 3000; ++second) {
      const std::int64_t now = second * kSecond;
      run.send({{now - behind * kSecond, up(tcp::kAck)}, {now, bystander()}, {now, bystander()}});
    }
    CHECK_EQ(run.records().size(), 0U);
    run.send(seconds_of_others(3000, 3000 + 2 * 120 + 2));  // the first interface falls silent
    CHECK_EQ(run.records().size(), 1U);
    CHECK_EQ(packets_of(run.records()[0]), 1000U);
    CHECK(is_idle(run.records()[0]));
  }
}

TEST(flow_that_begins_behind_the_clock_has_its_idle_time_before_it) {
  for (const Mode mode : kWireModes) {
    EngineRun run(options_of(mode));
    run.send(seconds_of_others(999, 1000));
    run.send(seconds(879.5), up(tcp::kAck));
    run.send(seconds_of_others(1001, 1118));
    CHECK_EQ(run.records().size(), 0U);
    run.send(seconds_of_others(1119, 1123));
    CHECK_EQ(run.records().size(), 0U);  // it had a packet since its timer was set
    run.send(seconds_of_others(1124, 1242));
    CHECK_EQ(run.records().size(), 1U);
  }
}

TEST(flow_that_ends_behind_the_clock_lingers_too) {
  for (const Mode mode : kWireModes) {
    EngineRun run(options_of(mode));
    run.send({{seconds(1000), bystander()}, {seconds(1000.2), bystander()}, {seconds(1000.2), bystander()}});
    run.advance(0);  // which the clock does not follow
    run.send({{seconds(500), up(tcp::kAck)}, {seconds(500), up(tcp::kRst)}});
    run.send({{seconds(1001.1), bystander()}, {seconds(1001.1), bystander()}, {seconds(501), down(tcp::kAck)}});
    CHECK_EQ(run.skipped(Skip::leftover), mode == Mode::netflower ? 1U : 0U);
    run.send({{seconds(1001.5), bystander()}, {seconds(1001.5), bystander()}});
    run.flush();
    CHECK_EQ(run.records().size(), 2U);
    CHECK_EQ(packets_of(run.records()[0]), mode == Mode::netflower ? 2U : 3U);
  }
}

TEST(time_that_runs_back_closes_nothing) {
  EngineRun run(options_of(Mode::netflower));
  run.send(seconds_of_others(10'000, 10'001));
  for (int second = 0; second < 600; ++second) run.send(second * kSecond, up(tcp::kAck));
  CHECK_EQ(run.records().size(), 0U);
  CHECK_EQ(run.counters().backward_time, 0U);
  run.send({{5 * kSecond, up(tcp::kAck)}, {4 * kSecond, down(tcp::kAck)}});
  CHECK_EQ(run.counters().backward_time, 2U);
  run.flush();
  CHECK_EQ(packets_of(run.records()[1]), 602U);
  CHECK_EQ(run.records()[1].flow_duration, 4.0);
  CHECK_EQ(run.records()[1].flow_iat_min, -594.0);
}

TEST(held_flows_wait_for_their_own_packets) {
  for (const Mode mode : kWireModes) {
    EngineOptions options = options_of(mode);
    options.held_flows = 2;
    EngineRun run(options);
    run.send(0, up(tcp::kAck));
    run.send(seconds_of_others(1, 1000));
    CHECK_EQ(run.records().size(), 0U);
    run.send(1000 * kSecond, udp_frame(kClient, kServer));  // a third flow
    run.send(seconds_of_others(1001, 1300));
    CHECK_EQ(run.records().size(), 1U);
    CHECK(is_idle(run.records()[0]));
    CHECK_EQ(run.records()[0].protocol, kTcp);
    run.send(5000 * kSecond, udp_frame(kClient, kServer));
    CHECK_EQ(run.records().size(), 2U);
  }
}

TEST(second_end_of_a_flow_has_a_linger_time_of_its_own) {
  EngineRun run(options_of(Mode::netflower));
  run.send({{0, up(tcp::kRst)}, {seconds(0.5), up(tcp::kSyn)}, {seconds(0.9), up(tcp::kRst)}});
  run.send({{seconds(1.2), bystander()}, {seconds(1.2), bystander()}, {seconds(1.8), up(tcp::kAck)}});
  CHECK_EQ(run.skipped(Skip::leftover), 1U);
}

TEST(held_flows_linger_until_their_own_packets_end_them) {
  EngineOptions options = options_of(Mode::corrected);
  options.held_flows = 2;
  EngineRun run(options);
  run.send(0, up(tcp::kRst));
  run.send(seconds_of_others(4, 5));
  run.send(kSecond, down(tcp::kAck));  // from the part of the capture before
  CHECK_EQ(run.records().size(), 0U);
  run.send(kSecond + 1, down(tcp::kAck));
  CHECK_EQ(run.records().size(), 1U);
  CHECK_EQ(packets_of(run.records()[0]), 2U);
}

TEST(corrected_prints_a_closed_flow_when_its_linger_time_is_over) {
  for (const std::int64_t linger : {kSecond / 10, kSecond}) {
    EngineOptions options = options_of(Mode::corrected);
    options.linger_ns = linger;
    EngineRun run(options);
    run.send({{0, up(tcp::kRst)}, {linger, bystander()}, {linger, bystander()}});
    CHECK_EQ(run.records().size(), 0U);
    run.send({{linger + 1, bystander()}, {linger + 1, bystander()}});
    CHECK_EQ(run.records().size(), 1U);
    CHECK_EQ(run.records()[0].end_reason, 3);
  }
}

TEST(closed_flow_is_forgotten_by_the_clock_too) {
  EngineRun run(options_of(Mode::corrected));
  run.send(0, up(tcp::kRst));
  run.advance(kSecond);
  CHECK_EQ(run.records().size(), 0U);
  run.advance(kSecond + 1);
  CHECK_EQ(run.records().size(), 1U);
}

TEST(idle_timeout_of_nothing_and_of_ages) {
  for (const Mode mode : kWireModes) {
    EngineOptions options = options_of(mode);
    options.idle_timeout_ns = 0;
    CHECK_EQ(records_of(options, {{0, up(tcp::kAck)}, {0, up(tcp::kAck)}, {1, up(tcp::kAck)}}).size(), 2U);
    options.idle_timeout_ns = std::numeric_limits<std::int64_t>::max();
    CHECK_EQ(records_of(options, {{0, up(tcp::kAck)}, {1'000'000'000 * kSecond, up(tcp::kAck)}}).size(), 1U);
  }
}
