#include <cmath>

#include "check.hpp"
#include "engine_run.hpp"

using namespace flowedge;
using namespace frames;

namespace {

constexpr std::uint8_t kAck = tcp::kAck;
constexpr Mode kModes[] = {Mode::netflower, Mode::cicflowmeter, Mode::engelen, Mode::corrected};

std::vector<FlowRecord> records_of(Mode mode, const Trace& trace) {
  EngineOptions options;
  options.mode = mode;
  return ::records_of(options, trace);
}

FlowRecord record_of(Mode mode, const Trace& trace) {
  const auto records = records_of(mode, trace);
  CHECK_EQ(records.size(), 1U);
  return records[0];
}

std::int64_t seconds(double value) {
  return std::llround(value * 1e9);
}

/// A small connection with gaps of 0.5, 0.5, 7, 1.5 and 10.5 seconds.
Trace connection() {
  return {{seconds(100), up(tcp::kSyn, 0, {1000})},
          {seconds(100.5), down(tcp::kSyn | kAck, 0, {2000})},
          {seconds(101), up(kAck, 100, {1001})},
          {seconds(108), up(kAck | tcp::kPsh, 200, {1002})},
          {seconds(109.5), down(kAck | tcp::kUrg | tcp::kEce | tcp::kCwr, 300, {2001})},
          {seconds(120), down(kAck, 0, {2002})}};
}

/// One packet each: 'u' up and 'd' down with ten octets of payload, 'U' and 'D' without; '.' is a quarter of a second.
Trace pattern(const char* text) {
  Trace trace;
  std::int64_t now = kSecond;
  for (; *text != 0; ++text) {
    if (*text == '.') {
      now += kSecond / 4;
      continue;
    }
    const std::size_t payload = *text == 'u' || *text == 'd' ? 10 : 0;
    trace.push_back({now, *text == 'u' || *text == 'U' ? up(kAck, payload) : down(kAck, payload)});
  }
  return trace;
}

void check_near(double value, double expected, const char* name) {
  if (std::abs(value - expected) <= 1e-14 * std::abs(expected)) return;
  check::fail(__FILE__, __LINE__, std::string(name) + ": " + std::to_string(value) + ", " + std::to_string(expected));
}
#define CHECK_NEAR(value, expected) check_near(value, expected, #value)

struct ExpectedBulks {
  double forward_packets, forward_bytes, forward_rate;
  double backward_packets, backward_bytes, backward_rate;
};

void check_bulks(Mode mode, const char* text, const ExpectedBulks& expected) {
  const FlowRecord record = record_of(mode, pattern(text));
  CHECK_NEAR(record.fwd_pkts_b_avg, expected.forward_packets);
  CHECK_NEAR(record.fwd_byts_b_avg, expected.forward_bytes);
  CHECK_NEAR(record.fwd_blk_rate_avg, expected.forward_rate);
  CHECK_NEAR(record.bwd_pkts_b_avg, expected.backward_packets);
  CHECK_NEAR(record.bwd_byts_b_avg, expected.backward_bytes);
  CHECK_NEAR(record.bwd_blk_rate_avg, expected.backward_rate);
}
constexpr ExpectedBulks kNoBulks{};

}  // namespace

TEST(what_a_flow_is_called) {
  for (const Mode mode : kModes) {
    const FlowRecord record = record_of(mode, connection());
    CHECK(std::memcmp(record.src_ip.octets.data(), "\0\0\0\0\0\0\0\0\0\0\xff\xff\x0a\0\0\x01", 16) == 0);
    CHECK(std::memcmp(record.dst_ip.octets.data(), "\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\xa8\0\x02", 16) == 0);
    CHECK_EQ(record.src_port, kClient.port);
    CHECK_EQ(record.dst_port, kServer.port);
    CHECK_EQ(record.protocol, kTcp);
    CHECK_EQ(record.ip_version, 4);
    CHECK_EQ(record.vlan, 0);
    CHECK_EQ(record.first_ns, seconds(100));
    CHECK_EQ(record.last_ns, seconds(120));
    CHECK_EQ(record.timestamp, 100.0);
  }
}

TEST(source_may_be_the_higher_endpoint) {
  for (const Mode mode : kModes) {
    const FlowRecord record = record_of(mode, pattern("duu"));
    CHECK_EQ(record.src_port, kServer.port);
    CHECK_EQ(record.src_ip.octets[12], 0xc0);
    CHECK_EQ(record.tot_fwd_pkts, 1U);
    CHECK_EQ(record.tot_bwd_pkts, 2U);
  }
}

TEST(vlan_is_the_first_packets) {
  const Octets ip = ipv4(17, datagram(1, 2, {}));
  const Octets tagged = ethernet(0x8100, frames::vlan(0x6123, 0x0800, ip));
  for (const Mode mode : kModes) CHECK_EQ(record_of(mode, {{0, tagged}, {1000, ethernet(0x0800, ip)}}).vlan, 0x123);
}

TEST(ip_version_of_a_record) {
  const FlowRecord record = record_of(Mode::netflower, {{0, ethernet(0x86dd, ipv6(17, datagram(1, 2, zeros(5))))}});
  CHECK_EQ(record.ip_version, 6);
  CHECK_EQ(record.totlen_fwd_pkts, 53U);
}

TEST(timestamp_keeps_its_fraction) {
  for (const Mode mode : kModes) {
    const std::int64_t time = 1'700'000'000 * kSecond + 250 * kMillisecond;
    CHECK_EQ(record_of(mode, {{time, up(kAck)}, {time, up(kAck)}}).timestamp, 1'700'000'000.25);
    CHECK_EQ(record_of(mode, {{-seconds(0.75), up(kAck)}, {0, up(kAck)}}).timestamp, -0.75);
  }
}

TEST(java_modes_round_times_down_to_microseconds) {
  for (const Mode mode : {Mode::cicflowmeter, Mode::engelen}) {
    const FlowRecord record = record_of(mode, {{-1, up(kAck)}, {1999, up(kAck)}});
    CHECK_EQ(record.first_ns, -1000);
    CHECK_EQ(record.last_ns, 1000);
    CHECK_EQ(record.flow_duration, 2.0);
  }
}

TEST(lengths_of_netflower_are_ip_lengths) {
  const FlowRecord record = record_of(Mode::netflower, connection());
  CHECK_EQ(record.totlen_fwd_pkts, 420U);
  CHECK_EQ(record.totlen_bwd_pkts, 420U);
  CHECK_EQ(record.fwd_pkt_len_max, 240U);
  CHECK_EQ(record.fwd_pkt_len_min, 40U);
  CHECK_EQ(record.fwd_pkt_len_mean, 140.0);
  CHECK_EQ(record.fwd_seg_size_avg, 140.0);
  CHECK_EQ(record.fwd_pkt_len_std, 100.0);
  CHECK_EQ(record.bwd_pkt_len_max, 340U);
  CHECK_EQ(record.bwd_pkt_len_min, 40U);
  CHECK_EQ(record.bwd_pkt_len_mean, 140.0);
  CHECK_EQ(record.bwd_seg_size_avg, 140.0);
  CHECK_NEAR(record.bwd_pkt_len_std, std::sqrt(30000.0));
  CHECK_EQ(record.pkt_len_max, 340U);
  CHECK_EQ(record.pkt_len_min, 40U);
  CHECK_EQ(record.pkt_len_mean, 140.0);
  CHECK_EQ(record.pkt_size_avg, 140.0);
  CHECK_EQ(record.pkt_len_var, 16000.0);
  CHECK_NEAR(record.pkt_len_std, std::sqrt(16000.0));
  CHECK_EQ(record.flow_byts_s, 42.0);
}

TEST(lengths_elsewhere_are_payloads) {
  for (const Mode mode : {Mode::cicflowmeter, Mode::engelen, Mode::corrected}) {
    const FlowRecord record = record_of(mode, connection());
    CHECK_EQ(record.totlen_fwd_pkts, 300U);
    CHECK_EQ(record.totlen_bwd_pkts, 300U);
    CHECK_EQ(record.fwd_pkt_len_min, 0U);
    CHECK_EQ(record.pkt_len_max, 300U);
    CHECK_EQ(record.fwd_pkt_len_std, 100.0);
    CHECK_EQ(record.flow_byts_s, 30.0);
    // CICFlowMeter enters the first packet twice.
    const bool twice = mode == Mode::cicflowmeter;
    CHECK_NEAR(record.pkt_len_mean, twice ? 600.0 / 7 : 100.0);
    CHECK_NEAR(record.pkt_len_var, (140000 - 360000.0 / (twice ? 7 : 6)) / (twice ? 6 : 5));
    CHECK_EQ(record.pkt_size_avg, 100.0);
  }
}

TEST(cicflowmeter_enters_the_first_length_twice) {
  const FlowRecord record = record_of(Mode::cicflowmeter, {{0, up(kAck, 50)}, {1000, down(kAck, 20)}});
  CHECK_EQ(record.pkt_len_mean, 40.0);
  CHECK_EQ(record.pkt_size_avg, 60.0);
  CHECK_EQ(record.pkt_len_var, 300.0);
  CHECK_EQ(record.totlen_fwd_pkts, 50U);
  CHECK_EQ(record.fwd_act_data_pkts, 0U);
  CHECK_EQ(record_of(Mode::cicflowmeter, {{0, up(kAck)}, {1000, up(kAck, 20)}}).fwd_act_data_pkts, 1U);
}

TEST(times_between_packets) {
  for (const Mode mode : kModes) {
    const double unit = time_unit(mode) == TimeUnit::seconds ? 1 : 1e6;
    const FlowRecord record = record_of(mode, connection());
    CHECK_NEAR(record.flow_duration, 20 * unit);
    CHECK_NEAR(record.flow_iat_mean, 4 * unit);
    CHECK_NEAR(record.flow_iat_std, std::sqrt(20.5) * unit);
    CHECK_NEAR(record.flow_iat_min, 0.5 * unit);
    CHECK_NEAR(record.flow_iat_max, 10.5 * unit);
    CHECK_NEAR(record.fwd_iat_tot, 8 * unit);
    CHECK_NEAR(record.fwd_iat_mean, 4 * unit);
    CHECK_NEAR(record.fwd_iat_std, std::sqrt(18.0) * unit);
    CHECK_NEAR(record.fwd_iat_min, 1 * unit);
    CHECK_NEAR(record.fwd_iat_max, 7 * unit);
    CHECK_NEAR(record.bwd_iat_tot, 19.5 * unit);
    CHECK_NEAR(record.bwd_iat_mean, 9.75 * unit);
    CHECK_NEAR(record.bwd_iat_std, std::sqrt(1.125) * unit);
    CHECK_NEAR(record.bwd_iat_min, 9 * unit);
    CHECK_NEAR(record.bwd_iat_max, 10.5 * unit);
    CHECK_NEAR(record.active_mean, 1.25 * unit);
    CHECK_NEAR(record.active_std, std::sqrt(0.125) * unit);
    CHECK_NEAR(record.active_min, 1 * unit);
    CHECK_NEAR(record.active_max, 1.5 * unit);
    CHECK_NEAR(record.idle_mean, 8.75 * unit);
    CHECK_NEAR(record.idle_std, std::sqrt(6.125) * unit);
    CHECK_NEAR(record.idle_min, 7 * unit);
    CHECK_NEAR(record.idle_max, 10.5 * unit);
    CHECK_EQ(record.flow_pkts_s, 0.3);
    CHECK_EQ(record.fwd_pkts_s, 0.15);
    CHECK_EQ(record.bwd_pkts_s, 0.15);
  }
}

TEST(gaps_at_the_limits_are_within_them) {
  const Trace within = {{0, up(kAck)}, {kSecond, up(kAck)}, {6 * kSecond, up(kAck)}};
  const Trace beyond = {{0, up(kAck)}, {kSecond + 1, up(kAck)}, {6 * kSecond + 2, up(kAck)}};
  FlowRecord record = record_of(Mode::netflower, within);
  CHECK_EQ(record.idle_max, 0.0);
  CHECK_EQ(record.subflow_fwd_pkts, 1.0);  // 3 packets in 2 subflows
  record = record_of(Mode::netflower, beyond);
  CHECK_NEAR(record.idle_max, 5.000000001);
  CHECK_NEAR(record.active_max, 1.000000001);
  CHECK_EQ(record.subflow_fwd_pkts, 1.0);  // in 3
  CHECK_EQ(record_of(Mode::corrected, within).subflow_fwd_pkts, 1.5);
  CHECK_EQ(record_of(Mode::corrected, beyond).subflow_fwd_pkts, 1.0);
}

TEST(active_period_of_no_length_does_not_count) {
  for (const Mode mode : kModes) {
    const FlowRecord record = record_of(mode, {{0, up(kAck)}, {6 * kSecond, up(kAck)}, {20 * kSecond, up(kAck)}});
    CHECK_EQ(record.active_max, 0.0);
    CHECK(record.idle_mean > 0);
    const double unit = time_unit(mode) == TimeUnit::seconds ? 1 : 1e6;
    const Trace twice = {{0, up(kAck)}, {6 * kSecond, up(kAck)}, {8 * kSecond, up(kAck)}, {20 * kSecond, up(kAck)}};
    CHECK_EQ(record_of(mode, twice).active_min, 2 * unit);
    CHECK_EQ(record_of(mode, twice).active_mean, 2 * unit);
  }
}

TEST(pauses_of_an_earlier_flow_are_gone) {
  for (const Mode mode : {Mode::netflower, Mode::corrected}) {
    const auto records = records_of(
        mode, {{0, up(kAck)}, {10 * kSecond, up(kAck)}, {500 * kSecond, up(kAck)}, {508 * kSecond, up(kAck)}});
    CHECK_EQ(records.size(), 2U);
    CHECK_EQ(records[1].idle_mean, 8.0);
    CHECK_EQ(records[1].active_max, 0.0);
  }
}

TEST(subflows) {
  CHECK_EQ(record_of(Mode::netflower, connection()).subflow_fwd_pkts, 0.0);  // 3 packets in 4
  CHECK_EQ(record_of(Mode::netflower, connection()).subflow_fwd_byts, 105.0);
  CHECK_EQ(record_of(Mode::netflower, connection()).subflow_bwd_byts, 105.0);
  CHECK_EQ(record_of(Mode::corrected, connection()).subflow_fwd_pkts, 0.75);
  CHECK_EQ(record_of(Mode::corrected, connection()).subflow_bwd_byts, 75.0);
  for (const Mode mode : {Mode::cicflowmeter, Mode::engelen}) {
    CHECK_EQ(record_of(mode, connection()).subflow_bwd_pkts, 1.0);  // 3 packets in 3 gaps
    CHECK_EQ(record_of(mode, connection()).subflow_fwd_byts, 100.0);
    CHECK_EQ(record_of(mode, pattern("uu.u")).subflow_fwd_pkts, 0.0);
  }
  CHECK_EQ(record_of(Mode::cicflowmeter, pattern("u......u.....u")).subflow_fwd_pkts, 1.0);
  CHECK_EQ(record_of(Mode::engelen, pattern("u......u.....u")).subflow_fwd_pkts, 1.5);
}

TEST(headers_windows_and_data_packets) {
  FlowRecord record = record_of(Mode::netflower, connection());
  CHECK_EQ(record.fwd_header_len, 60U);
  CHECK_EQ(record.bwd_header_len, 60U);
  CHECK_EQ(record.fwd_seg_size_min, 20U);
  CHECK_EQ(record.fwd_act_data_pkts, 2U);
  CHECK_EQ(record.init_fwd_win_byts, 1000);
  CHECK_EQ(record.init_bwd_win_byts, 2000);
  CHECK_EQ(record_of(Mode::cicflowmeter, connection()).init_bwd_win_byts, 2002);  // the last one
  CHECK_EQ(record_of(Mode::engelen, connection()).init_bwd_win_byts, 2000);
  CHECK_EQ(record_of(Mode::engelen, connection()).bwd_act_data_pkts, 1U);
}

TEST(windows_where_there_are_none) {
  const Trace datagrams = {{0, udp_frame(kClient, kServer)}, {1000, udp_frame(kServer, kClient)}};
  for (const Mode mode : kModes) {
    const std::int32_t none = time_unit(mode) == TimeUnit::seconds ? -1 : 0;
    CHECK_EQ(record_of(mode, datagrams).init_fwd_win_byts, none);
    CHECK_EQ(record_of(mode, datagrams).init_bwd_win_byts, none);
    CHECK_EQ(record_of(mode, pattern("uu")).init_bwd_win_byts, none);
  }
  const Trace zero_first = {{0, up(kAck)}, {1000, down(kAck, 0, {0})}, {2000, down(kAck, 0, {5})}};
  CHECK_EQ(record_of(Mode::engelen, zero_first).init_bwd_win_byts, 5);
  CHECK_EQ(record_of(Mode::netflower, zero_first).init_bwd_win_byts, 0);
}

TEST(flags) {
  for (const Mode mode : kModes) {
    const FlowRecord record = record_of(mode, connection());
    CHECK_EQ(record.syn_flag_cnt, 2U);
    CHECK_EQ(record.ack_flag_cnt, 5U);
    CHECK_EQ(record.psh_flag_cnt, 1U);
    CHECK_EQ(record.urg_flag_cnt, 1U);
    CHECK_EQ(record.ece_flag_cnt, 1U);
    CHECK_EQ(record.cwr_flag_count, 1U);
    CHECK_EQ(record.fin_flag_cnt + record.rst_flag_cnt, 0U);
    const std::uint32_t counted = mode == Mode::cicflowmeter ? 0 : 1;  // it looks at the first packet alone
    CHECK_EQ(record.fwd_psh_flags, counted);
    CHECK_EQ(record.bwd_urg_flags, counted);
    CHECK_EQ(record.bwd_psh_flags + record.fwd_urg_flags, 0U);
  }
  const Trace at_once = {{0, up(tcp::kPsh | tcp::kUrg)}, {1000, up(tcp::kPsh | tcp::kUrg)}, {2000, up(tcp::kRst)}};
  CHECK_EQ(record_of(Mode::cicflowmeter, at_once).fwd_psh_flags, 1U);
  CHECK_EQ(record_of(Mode::cicflowmeter, at_once).fwd_urg_flags, 1U);
  CHECK_EQ(record_of(Mode::netflower, at_once).fwd_urg_flags, 2U);
  CHECK_EQ(record_of(Mode::netflower, at_once).rst_flag_cnt, 1U);
  CHECK_EQ(record_of(Mode::engelen, at_once).fwd_rst_flags, 1U);
  CHECK_EQ(record_of(Mode::engelen, pattern("uD")).bwd_rst_flags, 0U);
}

TEST(ratio_of_down_to_up) {
  CHECK_EQ(record_of(Mode::netflower, pattern("uudd.d")).down_up_ratio, 1.5);
  CHECK_EQ(record_of(Mode::cicflowmeter, pattern("uudd.d")).down_up_ratio, 1.0);
  CHECK_EQ(record_of(Mode::engelen, pattern("uudd.d")).down_up_ratio, 1.5);
}

TEST(flow_without_duration) {
  const Trace empty = {{0, up(kAck)}, {0, up(kAck)}};
  const Trace loaded = {{0, up(kAck)}, {0, up(kAck, 1)}};
  for (const Mode mode : {Mode::netflower, Mode::corrected}) {
    CHECK_EQ(record_of(mode, loaded).flow_byts_s, 0.0);
    CHECK_EQ(record_of(mode, loaded).flow_pkts_s, 0.0);
  }
  CHECK(std::isnan(record_of(Mode::cicflowmeter, empty).flow_byts_s));
  CHECK(std::isinf(record_of(Mode::cicflowmeter, loaded).flow_byts_s));
  CHECK(std::isinf(record_of(Mode::cicflowmeter, empty).flow_pkts_s));
  CHECK_EQ(record_of(Mode::cicflowmeter, loaded).fwd_pkts_s, 0.0);
  CHECK_EQ(record_of(Mode::engelen, loaded).flow_byts_s, -1.0);
  CHECK_EQ(record_of(Mode::engelen, loaded).flow_pkts_s, -1.0);
  CHECK_EQ(record_of(Mode::engelen, loaded).fwd_pkts_s, 0.0);
}

TEST(flow_of_one_packet) {
  const FlowRecord record = record_of(Mode::netflower, {{seconds(5), up(kAck, 3)}});
  CHECK_EQ(record.flow_duration + record.flow_iat_mean + record.flow_iat_min + record.fwd_iat_tot, 0.0);
  CHECK_EQ(record.fwd_pkt_len_std + record.pkt_len_var + record.bwd_pkt_len_mean, 0.0);
  CHECK_EQ(record.bwd_pkt_len_min, 0U);
  CHECK_EQ(record.pkt_len_min, 43U);
  CHECK_EQ(record.init_bwd_win_byts, -1);
}

TEST(engelen_flow_whose_first_packet_is_backward) {
  FlowRecord record = record_of(Mode::engelen, {{0, down(tcp::kSyn | kAck)}, {1000, up(kAck)}});
  CHECK_EQ(record.init_fwd_win_byts, 0);
  CHECK_EQ(record.fwd_seg_size_min, 0U);
  CHECK_EQ(record.bwd_seg_size_min, 20U);
  record = record_of(Mode::engelen, pattern("ud"));
  CHECK_EQ(record.fwd_seg_size_min, 20U);
  CHECK_EQ(record.bwd_seg_size_min, 0U);
}

TEST(bulks_of_netflower) {
  check_bulks(Mode::netflower, "u.u.u.u.uU", {5, 50, 50, 0, 0, 0});
  check_bulks(Mode::netflower, "u.u.u.uU", kNoBulks);
  check_bulks(Mode::netflower, "u.u.u.u.u", kNoBulks);   // open at the end
  check_bulks(Mode::netflower, "u.u.u.u.uD", kNoBulks);  // the other side ends nothing
  check_bulks(Mode::netflower, "u.u.d.u.d.u.uU", {5, 50, 50 / 1.5, 0, 0, 0});
  check_bulks(Mode::netflower, "u.........u.u.u.uU", {5, 50, 50 / 3.0, 0, 0, 0});
  check_bulks(Mode::netflower, "Ud.d.d.d.dDd.d.d.d.d.d.dD", {0, 0, 0, 6, 60, 120 / 2.5});
}

TEST(bulks_of_corrected) {
  check_bulks(Mode::corrected, "u.u.u.u", {4, 40, 40 / 0.75, 0, 0, 0});
  check_bulks(Mode::corrected, "u.u.uU.u", {4, 40, 40 / 0.75, 0, 0, 0});
  check_bulks(Mode::corrected, "u.u.ud.u", kNoBulks);
  check_bulks(Mode::corrected, "u.u.uD.u", {4, 40, 40 / 0.75, 0, 0, 0});
  check_bulks(Mode::corrected, "u....u.u.u", {4, 40, 40 / 1.5, 0, 0, 0});
  check_bulks(Mode::corrected, "u.....u.u.u", kNoBulks);
  check_bulks(Mode::corrected, "u.u.u.u.d.d.d.d", {4, 40, 40 / 0.75, 4, 40, 40 / 0.75});
}

TEST(bulks_of_the_java_modes) {
  check_bulks(Mode::engelen, "u.u.u.u", {4, 40, 40 / 0.75, 0, 0, 0});
  check_bulks(Mode::engelen, "u.u.u.u.u", {5, 50, 50, 0, 0, 0});
  check_bulks(Mode::engelen, "u.u.u", kNoBulks);
  check_bulks(Mode::engelen, "u.u.u.d.u", kNoBulks);
  check_bulks(Mode::engelen, "u.u.u.....u", kNoBulks);
  check_bulks(Mode::engelen, "u.u.u....u", {4, 40, 40 / 1.5, 0, 0, 0});
  check_bulks(Mode::engelen, "Ud.d.d.d.....d.d.d.d.d", {0, 0, 0, 4.5, 45, 90 / 1.75});
  check_bulks(Mode::cicflowmeter, "u.u.d.d", {0, 0, 0, 4, 40, 53});  // both directions, truncated
}
