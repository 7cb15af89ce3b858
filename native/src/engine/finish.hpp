#pragma once
/// From a flow's sums to the values of its columns: what every mode shares.
#include <cmath>
#include <cstdint>

#include "flowedge/flow.hpp"
#include "flowedge/record.hpp"
#include "flowedge/wide.hpp"

namespace flowedge {

inline double quotient(double a, double b) {
  return b != 0 ? a / b : 0;
}

/// Mean, standard deviation and extremes of some times, in the record's unit.
struct TimeStatistics {
  double mean = 0;
  double deviation = 0;
  double max = 0;
  double min = 0;
};

/// `ticks`: ticks in the record's time unit.
inline TimeStatistics time_statistics(std::uint32_t n, std::int64_t sum, std::int64_t min, std::int64_t max,
                                      const Wide& squares, double ticks) {
  if (n == 0) return {};
  return {static_cast<double>(sum) / (n * ticks), n < 2 ? 0 : std::sqrt(sample_variance(n, sum, squares)) / ticks,
          static_cast<double>(max) / ticks, static_cast<double>(min) / ticks};
}

inline double length_variance(std::uint32_t n, std::uint64_t sum, std::uint64_t squares) {
  return n < 2 ? 0 : sample_variance(n, static_cast<std::int64_t>(sum), Wide{squares, 0});
}

inline void write_endpoints(const Flow& flow, FlowRecord& record) {
  const FlowKey& key = flow.key;
  const bool high = flow.is(Flow::kForwardFromHigh);
  record.src_ip = high ? key.high : key.low;
  record.dst_ip = high ? key.low : key.high;
  record.src_port = high ? key.high_port : key.low_port;
  record.dst_port = high ? key.low_port : key.high_port;
  record.protocol = key.protocol;
  record.ip_version = key.ip_version;
  record.vlan = flow.vlan;
}

/// `first`, `last`: in ticks since 1970.
inline void write_times_of_day(std::int64_t first, std::int64_t last, std::int64_t ticks_a_second, FlowRecord& record) {
  const std::int64_t nanoseconds = 1'000'000'000 / ticks_a_second;
  record.first_ns = first * nanoseconds;
  record.last_ns = last * nanoseconds;
  // The fraction apart: nanoseconds since 1970 are more than a double holds.
  const std::int64_t whole_seconds = first / ticks_a_second;
  const std::int64_t fraction = first % ticks_a_second;
  record.timestamp =
      static_cast<double>(whole_seconds) + static_cast<double>(fraction) / static_cast<double>(ticks_a_second);
}

inline void write_forward_lengths(const Flow& flow, FlowRecord& record) {
  const std::uint32_t n = flow.packets[kForward];
  record.tot_fwd_pkts = n;
  if (n == 0) return;
  const auto bytes = flow.bytes[kForward];
  record.totlen_fwd_pkts = bytes;
  record.fwd_pkt_len_max = flow.length_max[kForward];
  record.fwd_pkt_len_min = flow.length_min[kForward];
  record.fwd_pkt_len_mean = record.fwd_seg_size_avg = static_cast<double>(bytes) / n;
  record.fwd_pkt_len_std = std::sqrt(length_variance(n, bytes, flow.length_squares[kForward]));
  record.fwd_header_len = flow.header_bytes[kForward];
  record.fwd_seg_size_min = flow.header_min;
  record.fwd_act_data_pkts = flow.data_packets;
}

inline void write_backward_lengths(const Flow& flow, FlowRecord& record) {
  const std::uint32_t n = flow.packets[kBackward];
  record.tot_bwd_pkts = n;
  if (n == 0) return;
  const auto bytes = flow.bytes[kBackward];
  record.totlen_bwd_pkts = bytes;
  record.bwd_pkt_len_max = flow.length_max[kBackward];
  record.bwd_pkt_len_min = flow.length_min[kBackward];
  record.bwd_pkt_len_mean = record.bwd_seg_size_avg = static_cast<double>(bytes) / n;
  record.bwd_pkt_len_std = std::sqrt(length_variance(n, bytes, flow.length_squares[kBackward]));
  record.bwd_header_len = flow.header_bytes[kBackward];
}

/// Both directions together: their sums add up, so these statistics need no state of their own.
/// `once_more`: a length that is entered again (CICFlowMeter does so with the first), with `entries` 1; else 0.
inline void write_all_lengths(const Flow& flow, std::uint32_t entries, std::uint64_t once_more, FlowRecord& record) {
  const std::uint32_t packets = flow.total_packets();
  const std::uint32_t n = packets + entries;
  const std::uint64_t bytes = flow.bytes[kForward] + flow.bytes[kBackward] + once_more;
  record.pkt_len_max = std::max(flow.length_max[kForward], flow.length_max[kBackward]);
  record.pkt_len_min = std::min(flow.length_min[kForward], flow.length_min[kBackward]);
  record.pkt_len_mean = static_cast<double>(bytes) / n;
  record.pkt_size_avg = static_cast<double>(bytes) / packets;
  record.pkt_len_var =
      length_variance(n, bytes, flow.length_squares[kForward] + flow.length_squares[kBackward] + once_more * once_more);
  record.pkt_len_std = std::sqrt(record.pkt_len_var);
}

inline TimeStatistics direction_gap_statistics(const Flow& flow, Direction d, double ticks) {
  if (flow.packets[d] < 2) return {};
  const Gaps& gaps = flow.direction_gaps[d];
  const std::int64_t total = flow.direction_last[d] - flow.first_of(d);
  return time_statistics(flow.packets[d] - 1, total, gaps.min, gaps.max, gaps.squares, ticks);
}

/// Of a flow of at least two packets.
inline void write_gaps(const Flow& flow, double ticks, FlowRecord& record) {
  const Gaps& gaps = flow.gaps;
  const TimeStatistics all =
      time_statistics(flow.total_packets() - 1, flow.last() - flow.first, gaps.min, gaps.max, gaps.squares, ticks);
  record.flow_iat_mean = all.mean, record.flow_iat_std = all.deviation;
  record.flow_iat_max = all.max, record.flow_iat_min = all.min;

  const TimeStatistics forward = direction_gap_statistics(flow, kForward, ticks);
  record.fwd_iat_mean = forward.mean, record.fwd_iat_std = forward.deviation;
  record.fwd_iat_max = forward.max, record.fwd_iat_min = forward.min;
  if (flow.packets[kForward] > 1) {
    record.fwd_iat_tot = static_cast<double>(flow.direction_last[kForward] - flow.first_of(kForward)) / ticks;
  }

  const TimeStatistics backward = direction_gap_statistics(flow, kBackward, ticks);
  record.bwd_iat_mean = backward.mean, record.bwd_iat_std = backward.deviation;
  record.bwd_iat_max = backward.max, record.bwd_iat_min = backward.min;
  if (flow.packets[kBackward] > 1) {
    record.bwd_iat_tot = static_cast<double>(flow.direction_last[kBackward] - flow.first_of(kBackward)) / ticks;
  }
}

inline TimeStatistics pause_statistics(const PeriodLengths& lengths, std::uint32_t count, double ticks) {
  if (count == 0) return {};
  return time_statistics(count, static_cast<std::int64_t>(lengths.sum), lengths.min, lengths.max, lengths.squares,
                         ticks);
}

/// Of a flow that had a pause.
inline void write_pauses(const Pauses& pauses, double ticks, FlowRecord& record) {
  const TimeStatistics active = pause_statistics(pauses.active, pauses.idle.active_count, ticks);
  record.active_mean = active.mean, record.active_std = active.deviation;
  record.active_max = active.max, record.active_min = active.min;
  const TimeStatistics idle = pause_statistics(pauses.idle.lengths, pauses.idle.count, ticks);
  record.idle_mean = idle.mean, record.idle_std = idle.deviation;
  record.idle_max = idle.max, record.idle_min = idle.min;
}

inline void write_flags(const Flow& flow, FlowRecord& record) {
  record.fin_flag_cnt = flow.flags[0];
  record.syn_flag_cnt = flow.flags[1];
  record.rst_flag_cnt = flow.flags[2];
  record.psh_flag_cnt = flow.flags[3];
  record.ack_flag_cnt = flow.flags[4];
  record.urg_flag_cnt = flow.flags[5];
  record.ece_flag_cnt = flow.flags[6];
  record.cwr_flag_count = flow.flags[7];
  record.fwd_psh_flags = flow.forward_psh;
  record.bwd_psh_flags = flow.flags[3] - flow.forward_psh;
  record.fwd_urg_flags = flow.forward_urg;
  record.bwd_urg_flags = flow.flags[5] - flow.forward_urg;
}

/// Packets and bytes a second; 0 for a flow without a positive duration.
inline void write_rates(const Flow& flow, double seconds, FlowRecord& record) {
  if (!(seconds > 0)) return;
  record.flow_byts_s = static_cast<double>(flow.bytes[kForward] + flow.bytes[kBackward]) / seconds;
  record.flow_pkts_s = flow.total_packets() / seconds;
  record.fwd_pkts_s = flow.packets[kForward] / seconds;
  record.bwd_pkts_s = flow.packets[kBackward] / seconds;
}

/// Bytes and packets a bulk, bytes a second of bulk.
inline void write_bulks(const Flow& flow, double ticks_a_second, FlowRecord& record) {
  const Bulks& bulks = flow.bulks;
  const auto bytes = [&](Direction d) { return static_cast<double>(bulks.bytes[d]); };
  const auto seconds = [&](Direction d) {
    return static_cast<double>(static_cast<std::int64_t>(bulks.duration[d])) / ticks_a_second;
  };
  record.fwd_byts_b_avg = quotient(bytes(kForward), bulks.count[kForward]);
  record.fwd_pkts_b_avg = quotient(bulks.packets[kForward], bulks.count[kForward]);
  record.fwd_blk_rate_avg = quotient(bytes(kForward), seconds(kForward));
  record.bwd_byts_b_avg = quotient(bytes(kBackward), bulks.count[kBackward]);
  record.bwd_pkts_b_avg = quotient(bulks.packets[kBackward], bulks.count[kBackward]);
  record.bwd_blk_rate_avg = quotient(bytes(kBackward), seconds(kBackward));
}

/// Packets and bytes a subflow, as they are; the modes that round do so themselves.
inline void write_subflows(const Flow& flow, double subflows, FlowRecord& record) {
  record.subflow_fwd_pkts = quotient(flow.packets[kForward], subflows);
  record.subflow_fwd_byts = quotient(static_cast<double>(flow.bytes[kForward]), subflows);
  record.subflow_bwd_pkts = quotient(flow.packets[kBackward], subflows);
  record.subflow_bwd_byts = quotient(static_cast<double>(flow.bytes[kBackward]), subflows);
}

/// Everything that has one meaning in all modes but for the unit of time and what a length is; times of day apart. The
/// record is to be empty.
template <class Rules>
inline void write_shared(const Flow& flow, const Pauses& pauses, FlowRecord& record) {
  const double ticks = Rules::kTicksInUnit;
  write_endpoints(flow, record);
  record.flow_duration = static_cast<double>(flow.last() - flow.first) / ticks;
  write_forward_lengths(flow, record);
  write_backward_lengths(flow, record);
  write_flags(flow, record);
  write_rates(flow, static_cast<double>(flow.last() - flow.first) / Rules::kSecond, record);
  record.down_up_ratio = quotient(flow.packets[kBackward], flow.packets[kForward]);
  if (flow.total_packets() > 1) write_gaps(flow, ticks, record);
  if (flow.is(Flow::kPaused)) write_pauses(pauses, ticks, record);
}

}  // namespace flowedge
