#include "check.hpp"
#include "engine_run.hpp"

using namespace flowedge;
using namespace frames;

namespace {

constexpr std::uint8_t kAck = tcp::kAck;
constexpr std::uint8_t kSyn = tcp::kSyn;
constexpr std::uint8_t kSynAck = tcp::kSyn | tcp::kAck;
constexpr std::uint8_t kFin = tcp::kFin | tcp::kAck;
constexpr std::uint8_t kRst = tcp::kRst;
constexpr std::int64_t kIdleTimeout = 120 * kSecond;
constexpr Mode kModes[] = {Mode::netflower, Mode::cicflowmeter, Mode::engelen, Mode::corrected};
constexpr Mode kWireModes[] = {Mode::netflower, Mode::corrected};

/// The clock closes nothing here (see test_engine_expiry.cpp): flows end by their own packets.
EngineOptions options_of(Mode mode) {
  EngineOptions options;
  options.mode = mode;
  options.held_flows = 1000;
  return options;
}

std::vector<FlowRecord> records_of(Mode mode, const Trace& trace) {
  return ::records_of(options_of(mode), trace);
}

bool ended(const FlowRecord& record, EndReason reason) {
  return record.end_reason == static_cast<std::uint8_t>(reason);
}

std::uint32_t packets_of(const FlowRecord& record) {
  return record.tot_fwd_pkts + record.tot_bwd_pkts;
}

bool from_client(const FlowRecord& record) {
  return record.src_port == kClient.port;
}

}  // namespace

// --- idle and active time-out ----------------------------------------------------------------------------------------

TEST(gap_of_exactly_the_idle_timeout_is_within_it) {
  for (const Mode mode : kWireModes) {
    const auto records =
        records_of(mode, {{0, up(kAck)}, {kIdleTimeout, down(kAck)}, {2 * kIdleTimeout + 1, down(kAck)}});
    CHECK_EQ(records.size(), 2U);
    CHECK_EQ(packets_of(records[0]), 2U);
    CHECK(ended(records[0], EndReason::idle) && from_client(records[0]));
    CHECK(ended(records[1], EndReason::forced) && !from_client(records[1]));
    CHECK_EQ(records[1].first_ns, 2 * kIdleTimeout + 1);
  }
}

TEST(active_timeout_cuts_and_keeps_the_orientation) {
  for (const Mode mode : kWireModes) {
    EngineOptions options = options_of(mode);
    options.max_duration_ns = 10 * kSecond;
    const auto records =
        ::records_of(options, {{0, up(kAck)}, {10 * kSecond, down(kAck)}, {10 * kSecond + 1, down(kAck)}});
    CHECK_EQ(records.size(), 2U);
    CHECK_EQ(packets_of(records[0]), 2U);
    CHECK(ended(records[0], EndReason::active));
    CHECK(from_client(records[1]));
    CHECK_EQ(records[1].tot_fwd_pkts, 0U);
    CHECK_EQ(records[1].tot_bwd_pkts, 1U);
    CHECK_EQ(records[1].first_ns, 10 * kSecond + 1);
  }
}

TEST(no_active_timeout_unless_asked_for) {
  Trace trace;
  for (int i = 0; i <= 100; ++i) trace.push_back({i * 100 * kSecond, up(kAck)});
  for (const Mode mode : kWireModes) CHECK_EQ(records_of(mode, trace).size(), 1U);
}

TEST(java_modes_cut_120_seconds_after_the_first_packet) {
  for (const Mode mode : {Mode::cicflowmeter, Mode::engelen}) {
    const auto records = records_of(mode, {{0, up(kAck)},
                                           {100 * kSecond, up(kAck)},
                                           {120 * kSecond, up(kAck)},
                                           {120 * kSecond + kMicrosecond - 1, up(kAck)},
                                           {120 * kSecond + kMicrosecond, up(kAck)},
                                           {500 * kSecond, up(kAck)},
                                           {501 * kSecond, up(kAck)}});
    CHECK_EQ(records.size(), mode == Mode::engelen ? 3U : 2U);  // the middle one is single
    CHECK_EQ(packets_of(records[0]), 4U);
    CHECK(ended(records[0], EndReason::active));
    CHECK_EQ(packets_of(records.back()), 2U);
  }
}

TEST(java_modes_take_max_duration_for_their_cut) {
  for (const Mode mode : {Mode::cicflowmeter, Mode::engelen}) {
    EngineOptions options = options_of(mode);
    options.max_duration_ns = kSecond;
    const auto records = ::records_of(
        options, {{0, up(kAck)}, {kSecond, up(kAck)}, {kSecond + kMicrosecond, up(kAck)}, {2 * kSecond, up(kAck)}});
    CHECK_EQ(records.size(), 2U);
  }
}

// --- netflower -------------------------------------------------------------------------------------------------------

TEST(netflower_closes_after_a_fin_of_each_side) {
  EngineRun run(options_of(Mode::netflower));
  run.send({{0, up(kSyn)}, {1, up(kFin)}, {2, up(kFin)}});
  CHECK_EQ(run.records().size(), 0U);
  run.send(3, down(kFin));
  CHECK_EQ(run.records().size(), 1U);
  CHECK(ended(run.records()[0], EndReason::end_detected));
  CHECK_EQ(packets_of(run.records()[0]), 4U);
  CHECK_EQ(run.engine().open_flows(), 0U);
}

TEST(netflower_closes_at_a_reset) {
  for (const Octets& reset : {up(kRst), down(kRst | kAck)}) {
    EngineRun run(options_of(Mode::netflower));
    run.send({{0, up(kAck)}, {1, reset}});
    CHECK_EQ(run.records().size(), 1U);
    CHECK_EQ(packets_of(run.records()[0]), 2U);
  }
  EngineRun run(options_of(Mode::netflower));
  run.send(0, down(kRst));
  CHECK_EQ(run.records().size(), 1U);
}

TEST(netflower_skips_what_trails_for_the_linger_time) {
  EngineRun run(options_of(Mode::netflower));
  run.send({{0, up(kRst)}, {1, down(kAck)}, {kSecond / 2, down(kSynAck)}, {kSecond, up(kFin)}});
  CHECK_EQ(run.skipped(Skip::leftover), 3U);
  CHECK_EQ(run.engine().open_flows(), 0U);
  run.send(kSecond + 1, down(kAck));
  CHECK_EQ(run.engine().open_flows(), 1U);
  run.flush();
  CHECK_EQ(run.records().size(), 2U);
  CHECK(!from_client(run.records()[1]));
  CHECK_EQ(run.counters().in_flows, 2U);
}

TEST(netflower_begins_anew_with_a_syn_at_once) {
  EngineRun run(options_of(Mode::netflower));
  run.send({{0, up(kRst)}, {1, up(kSyn)}, {2, down(kSynAck)}});
  CHECK_EQ(run.skipped(), 0U);
  run.flush();
  CHECK_EQ(packets_of(run.records()[1]), 2U);
  CHECK_EQ(run.records()[1].first_ns, 1);
}

TEST(netflower_without_linger) {
  EngineOptions options = options_of(Mode::netflower);
  options.linger_ns = 0;
  EngineRun run(options);
  run.send({{0, up(kRst)}, {0, down(kAck)}});
  run.flush();
  CHECK_EQ(run.skipped(), 0U);
  CHECK_EQ(run.records().size(), 2U);
}

TEST(netflower_leaves_a_syn_ack_its_orientation) {
  const auto records = records_of(Mode::netflower, {{0, down(kSynAck)}, {1, up(kAck)}});
  CHECK(!from_client(records[0]));
  CHECK_EQ(records[0].tot_fwd_pkts, 1U);
}

// --- corrected -------------------------------------------------------------------------------------------------------

TEST(corrected_turns_a_syn_ack_round) {
  const auto records = records_of(Mode::corrected, {{0, down(kSynAck, 7)}, {1, up(kAck)}, {2, up(kAck)}});
  CHECK(from_client(records[0]));
  CHECK_EQ(records[0].tot_fwd_pkts, 2U);
  CHECK_EQ(records[0].tot_bwd_pkts, 1U);
  CHECK_EQ(records[0].totlen_bwd_pkts, 7U);
  CHECK_EQ(records[0].init_bwd_win_byts, 0x7210);
}

TEST(corrected_has_nothing_to_turn_between_one_endpoint_and_itself) {
  const auto records = records_of(Mode::corrected, {{0, tcp_frame(kClient, kClient, kSynAck)}});
  CHECK_EQ(records[0].tot_fwd_pkts, 1U);
  CHECK_EQ(records[0].src_port, kClient.port);
}

TEST(corrected_turns_round_after_a_time_out_too) {
  const auto records = records_of(Mode::corrected, {{0, up(kAck)}, {kIdleTimeout + 1, down(kSynAck)}});
  CHECK(from_client(records[1]));
  CHECK_EQ(records[1].tot_bwd_pkts, 1U);
}

TEST(corrected_adds_what_trails) {
  EngineRun run(options_of(Mode::corrected));
  run.send({{0, up(kSyn)}, {1, up(kFin)}, {2, down(kFin)}, {3, up(kAck)}, {2 + kSecond, down(kSynAck)}});
  CHECK_EQ(run.records().size(), 0U);
  run.send(3 + kSecond, up(kAck));
  CHECK_EQ(run.records().size(), 1U);
  CHECK_EQ(packets_of(run.records()[0]), 5U);
  CHECK(ended(run.records()[0], EndReason::end_detected));
  run.flush();
  CHECK_EQ(packets_of(run.records()[1]), 1U);
  CHECK_EQ(run.skipped(), 0U);
}

TEST(corrected_begins_anew_with_a_syn_at_once) {
  EngineRun run(options_of(Mode::corrected));
  run.send({{0, up(kAck)}, {1, down(kRst)}, {2, up(kSyn)}, {3, down(kSynAck)}});
  CHECK_EQ(run.records().size(), 1U);
  CHECK_EQ(packets_of(run.records()[0]), 2U);
  CHECK(ended(run.records()[0], EndReason::end_detected));
  run.flush();
  CHECK_EQ(packets_of(run.records()[1]), 2U);
}

TEST(corrected_lingers_from_the_first_end) {
  const auto records = records_of(
      Mode::corrected, {{0, up(kRst)}, {kSecond / 2, up(kRst)}, {kSecond, up(kRst)}, {kSecond + 1, up(kAck)}});
  CHECK_EQ(records.size(), 2U);
  CHECK_EQ(packets_of(records[0]), 3U);
}

TEST(corrected_never_goes_back_in_time) {
  EngineRun run(options_of(Mode::corrected));
  run.send({{10 * kSecond, up(kAck)}, {9 * kSecond, down(kAck)}, {11 * kSecond, up(kAck)}});
  run.flush();
  const FlowRecord& record = run.records()[0];
  CHECK_EQ(record.first_ns, 10 * kSecond);
  CHECK_EQ(record.flow_iat_min, 0.0);
  CHECK_EQ(record.flow_duration, 1.0);
  CHECK_EQ(run.counters().backward_time, 0U);
}

// --- cicflowmeter ----------------------------------------------------------------------------------------------------

TEST(cicflowmeter_closes_at_the_first_backward_fin) {
  EngineRun run(options_of(Mode::cicflowmeter));
  run.send({{0, up(kSyn)}, {1000, up(kFin)}, {2000, up(kAck)}});
  CHECK_EQ(run.records().size(), 0U);
  run.send(3000, down(kFin));
  CHECK_EQ(run.records().size(), 1U);
  CHECK_EQ(packets_of(run.records()[0]), 4U);
  CHECK(ended(run.records()[0], EndReason::end_detected));
  run.send({{4000, down(kAck)}, {5000, up(kAck)}});
  run.flush();
  CHECK_EQ(run.records().size(), 2U);
  CHECK(!from_client(run.records()[1]));
}

TEST(cicflowmeter_throws_a_second_fin_away) {
  EngineRun run(options_of(Mode::cicflowmeter));
  run.send({{0, up(kSyn)}, {1000, up(kFin)}, {2000, up(kFin)}, {3000, up(kFin | kRst)}, {4000, up(kAck)}});
  CHECK_EQ(run.skipped(Skip::repeated_fin), 2U);
  run.flush();
  CHECK_EQ(packets_of(run.records()[0]), 3U);
  CHECK_EQ(run.records()[0].fin_flag_cnt, 1U);
}

TEST(cicflowmeter_does_not_look_at_the_first_packets_flags) {
  for (const std::uint8_t flags : {kRst, kFin}) {
    EngineRun run(options_of(Mode::cicflowmeter));
    run.send({{0, down(flags)}, {1000, down(kFin)}, {2000, down(kAck)}});
    run.flush();
    CHECK_EQ(run.skipped(), 0U);
    CHECK_EQ(packets_of(run.records()[0]), 3U);
  }
}

TEST(cicflowmeter_closes_at_a_reset) {
  EngineRun run(options_of(Mode::cicflowmeter));
  run.send({{0, up(kAck)}, {1000, up(kRst)}});
  CHECK_EQ(run.records().size(), 1U);
}

TEST(cicflowmeter_prints_no_flow_of_one_packet) {
  EngineRun run(options_of(Mode::cicflowmeter));
  run.send({{0, up(kAck)}, {121 * kSecond, up(kAck)}, {300 * kSecond, udp_frame(kClient, kServer)}});
  run.flush();
  CHECK_EQ(run.records().size(), 0U);
  CHECK_EQ(run.skipped(Skip::single), 3U);
  CHECK_EQ(run.counters().in_flows, 0U);
  CHECK_EQ(run.engine().open_flows(), 0U);
}

TEST(cicflowmeter_books_the_first_packet_after_a_cut_as_forward) {
  const auto records =
      records_of(Mode::cicflowmeter,
                 {{0, up(kAck)}, {1000, up(kAck)}, {121 * kSecond, down(kAck, 9)}, {122 * kSecond, down(kAck)}});
  CHECK_EQ(records.size(), 2U);
  CHECK(from_client(records[1]));
  CHECK_EQ(records[1].tot_fwd_pkts, 1U);
  CHECK_EQ(records[1].totlen_fwd_pkts, 9U);
  CHECK_EQ(records[1].tot_bwd_pkts, 1U);
}

TEST(java_modes_tell_the_direction_by_the_address_alone) {
  const Endpoint other{kClient.address, 50000};
  const Trace trace = {{0, tcp_frame(kClient, other, kAck)}, {1000, tcp_frame(other, kClient, kAck)}};
  for (const Mode mode : kModes) {
    const std::uint32_t forward = mode == Mode::cicflowmeter || mode == Mode::engelen ? 2 : 1;
    CHECK_EQ(records_of(mode, trace)[0].tot_fwd_pkts, forward);
  }
}

// --- engelen ---------------------------------------------------------------------------------------------------------

namespace {

Trace closed_by_fins() {
  return {{0, up(kSyn)}, {1 * kMillisecond, up(kFin)}, {2 * kMillisecond, down(kFin)}, {3 * kMillisecond, up(kAck)}};
}

Trace operator+(Trace trace, const TimedFrame& frame) {
  trace.push_back(frame);
  return trace;
}

}  // namespace

TEST(engelen_begins_anew_with_a_syn_after_the_end) {
  for (const Octets& syn : {up(kSyn), up(kSynAck)}) {
    const auto records = records_of(Mode::engelen, closed_by_fins() + TimedFrame{4 * kMillisecond, syn});
    CHECK_EQ(records.size(), 2U);
    CHECK_EQ(packets_of(records[0]), 4U);
    CHECK(ended(records[0], EndReason::end_detected));
    CHECK_EQ(from_client(records[1]), syn == up(kSyn));
  }
}

TEST(engelen_adds_what_trails_until_a_syn) {
  const Trace trace = closed_by_fins() + TimedFrame{100 * kSecond, down(kAck)} + TimedFrame{110 * kSecond, up(kRst)};
  const auto records = records_of(Mode::engelen, trace);
  CHECK_EQ(records.size(), 1U);
  CHECK_EQ(packets_of(records[0]), 6U);
}

TEST(engelen_knows_at_the_end_that_a_connection_had_ended) {
  CHECK_EQ(records_of(Mode::engelen, {{0, up(kAck)}, {1000, down(kRst)}})[0].end_reason, 3);
  CHECK_EQ(records_of(Mode::engelen, {{0, up(kAck)}, {1000, down(kAck)}})[0].end_reason, 4);
}

TEST(engelen_needs_both_fins_and_an_ack) {
  const std::vector<Trace> not_ready = {
      {{0, up(kSyn)}, {1000, up(kFin)}, {2000, up(kFin)}, {3000, up(kAck)}},
      {{0, up(kSyn)}, {1000, up(kFin)}, {2000, down(kFin)}},
      {{0, up(kSyn)}, {1000, up(kFin)}, {2000, down(kFin)}, {3000, up(tcp::kPsh)}},
      {{0, up(kRst)}},  // the first packet's flags are not looked at
  };
  for (const Trace& trace : not_ready) {
    CHECK_EQ(records_of(Mode::engelen, trace + TimedFrame{5000, up(kSyn)}).size(), 1U);
  }
  CHECK_EQ(records_of(Mode::engelen, {{0, up(kAck)}, {1000, down(kRst)}, {2000, up(kSyn)}}).size(), 2U);
}

TEST(engelen_chains_the_parts_of_a_cut_connection) {
  const auto records = records_of(Mode::engelen, {{0, up(kAck)},
                                                  {50 * kSecond, down(kAck)},
                                                  {130 * kSecond, down(kAck)},
                                                  {140 * kSecond, up(kAck)},
                                                  {300 * kSecond, up(kAck)},
                                                  {301 * kSecond, up(kAck)}});
  CHECK_EQ(records.size(), 3U);
  CHECK_EQ(records[0].tot_connection_flow_time, 50e6);
  CHECK_EQ(records[1].tot_connection_flow_time, 140e6);
  CHECK_EQ(records[2].tot_connection_flow_time, 301e6);
  CHECK_EQ(records[1].tot_bwd_pkts, 1U);
  for (const FlowRecord& record : records) CHECK(from_client(record) && record.flow_id_reversed == 0);
}

TEST(engelen_keeps_the_first_flow_id) {
  // After a long silence a UDP flow is the next sender's; its Flow ID stays.
  const auto records = records_of(Mode::engelen, {{0, udp_frame(kClient, kServer)},
                                                  {121 * kSecond, udp_frame(kServer, kClient)},
                                                  {242 * kSecond, udp_frame(kClient, kServer)}});
  CHECK_EQ(records.size(), 3U);
  CHECK(from_client(records[0]) && !from_client(records[1]) && from_client(records[2]));
  CHECK_EQ(records[0].flow_id_reversed, 0);
  CHECK_EQ(records[1].flow_id_reversed, 1);
  CHECK_EQ(records[2].flow_id_reversed, 0);
  CHECK_EQ(records[1].tot_connection_flow_time, 0.0);
}

TEST(engelen_cuts_a_busy_udp_flow_in_its_orientation) {
  const auto records = records_of(Mode::engelen, {{0, udp_frame(kClient, kServer)},
                                                  {100 * kSecond, udp_frame(kClient, kServer)},
                                                  {121 * kSecond, udp_frame(kServer, kClient)}});
  CHECK_EQ(records.size(), 2U);
  CHECK(from_client(records[1]));
  CHECK_EQ(records[1].tot_bwd_pkts, 1U);
  CHECK_EQ(records[1].tot_connection_flow_time, 121e6);
}

TEST(engelen_turns_a_syn_ack_round) {
  const auto records = records_of(Mode::engelen, {{0, down(kSynAck)}, {1000, up(kAck)}});
  CHECK(from_client(records[0]));
  CHECK_EQ(records[0].flow_id_reversed, 0);
  CHECK_EQ(records[0].tot_bwd_pkts, 1U);
}

TEST(engelen_counts_retransmissions) {
  const TcpFields second{0x7210, 77, 88};
  const TcpFields other_window{0x7211, 77, 88};
  const auto records = records_of(Mode::engelen, {{0, up(kAck)},
                                                  {1000, up(kAck | tcp::kPsh)},  // flags do not matter
                                                  {2000, down(kAck)},            // the sender does
                                                  {3000, down(kAck)},
                                                  {4000, up(kAck, 1)},  // so do the payload's length,
                                                  {5000, up(kAck, 0, second)},
                                                  {6000, up(kAck, 0, other_window)},  // and the window
                                                  {7000, up(kAck, 0, second)}});
  CHECK_EQ(records[0].fwd_tcp_retrans_cnt, 2U);
  CHECK_EQ(records[0].bwd_tcp_retrans_cnt, 1U);
  CHECK_EQ(records[0].tot_tcp_retrans_cnt, 3U);
}

TEST(engelen_never_takes_a_packet_for_one_of_another_sender) {
  for (unsigned bit = 0; bit < 16; ++bit) {
    const auto other = static_cast<std::uint16_t>(1U << bit);
    const auto records = records_of(Mode::engelen, {{0, up(kAck, 0, {other})}, {1000, down(kAck, 0, {0})}});
    CHECK_EQ(records[0].tot_tcp_retrans_cnt, 0U);
    const auto turned = records_of(Mode::engelen, {{0, up(kAck, 0, {0})}, {1000, down(kAck, 0, {other})}});
    CHECK_EQ(turned[0].tot_tcp_retrans_cnt, 0U);
  }
}

TEST(engelen_remembers_packets_across_a_cut_but_not_a_reopening) {
  const auto cut = records_of(Mode::engelen, {{0, up(kAck)}, {121 * kSecond, up(kAck)}});
  CHECK_EQ(cut[1].fwd_tcp_retrans_cnt, 1U);
  const auto reopened = records_of(Mode::engelen, {{0, up(kSyn)}, {1000, down(kRst)}, {2000, up(kSyn)}});
  CHECK_EQ(reopened[1].fwd_tcp_retrans_cnt, 0U);
}

TEST(engelen_remembers_thousands_of_packets) {
  Trace trace;
  for (std::uint32_t i = 0; i < 6000; ++i) {
    trace.push_back({i * kMicrosecond, up(kAck, 0, TcpFields{1, i % 4000 * 1000, 2})});
  }
  CHECK_EQ(records_of(Mode::engelen, trace)[0].fwd_tcp_retrans_cnt, 2000U);
}

TEST(engelen_ends_an_icmp_flow_where_type_and_code_change) {
  const auto icmp = [](const char* type_and_code) {
    return ethernet(0x0800, ipv4(1, hex(type_and_code) + hex("0000 00000000")));
  };
  const auto records = records_of(Mode::engelen, {{0, icmp("0800")},
                                                  {1000, icmp("0000")},  // another type, the same code
                                                  {2000, icmp("0301")},
                                                  {3000, icmp("0301")}});
  CHECK_EQ(records.size(), 2U);
  CHECK_EQ(packets_of(records[0]), 2U);
  CHECK(ended(records[0], EndReason::end_detected));
  CHECK_EQ(records[0].icmp_type, 8);
  CHECK_EQ(records[1].icmp_type, 3);
  CHECK_EQ(records[1].icmp_code, 1);
}

// --- all modes -------------------------------------------------------------------------------------------------------

TEST(later_syn_stays_in_its_open_flow) {
  for (const Mode mode : kModes) CHECK_EQ(records_of(mode, {{0, up(kSyn)}, {kSecond, up(kSyn)}}).size(), 1U);
}

TEST(flow_reopened_again_and_again_at_one_instant) {
  for (const Mode mode : kModes) {
    EngineOptions options = options_of(mode);
    options.held_flows = 0;
    EngineRun run(options);
    for (int i = 0; i < 5; ++i) run.send({{kSecond, up(kSyn)}, {kSecond, down(kRst)}});
    for (int i = 3; i < 8; ++i) run.send(i * kSecond, udp_frame(kClient, kServer));
    run.flush();
    CHECK_EQ(run.records().size(), 6U);
    CHECK_EQ(run.engine().open_flows(), 0U);
    CHECK_EQ(run.counters().flows, 6U);
  }
}

TEST(engine_goes_on_after_a_flush) {
  for (const Mode mode : kModes) {
    EngineOptions options = options_of(mode);
    options.held_flows = 0;
    EngineRun run(options);
    run.send(
        {{0, up(kSyn)}, {1000, down(kRst)}, {2000, udp_frame(kClient, kServer)}, {3000, udp_frame(kClient, kServer)}});
    run.flush();
    CHECK_EQ(run.records().size(), 2U);
    for (int i = 2; i < 8; ++i) run.send(i * kSecond, udp_frame(kClient, kServer));
    run.flush();
    CHECK_EQ(run.records().size(), 3U);
    CHECK_EQ(packets_of(run.records()[2]), 6U);
  }
}
