#pragma once
/// The list of columns: the one place where a column's name, type, unit and names in other tools are written.
/// The record, the numpy dtype, the CSV header, the Arrow schema and the documentation are made from it.
///
/// X(name, type, unit, position, cicflowmeter, cicids2017, cse_cic_ids2018, meaning)
///   type       C++ type of the field
///   unit       Unit of the value (see columns.hpp); `duration` is in the mode's own time unit
///   position   place in CICFlowMeter's column order (that of the Engelen fork, whose head holds all others)
///   the names  header of the published tools and data sets, letter for letter, with their leading spaces;
///              nullptr where that scheme has no such column
// clang-format off

#define FLOWEDGE_FEATURE_COLUMNS(X) \
  X(src_ip, Address, address, 1, "Src IP", " Source IP", "Src IP", "source address of the flow: the sender of its first packet") \
  X(dst_ip, Address, address, 3, "Dst IP", " Destination IP", "Dst IP", "destination address of the flow") \
  X(src_port, std::uint16_t, number, 2, "Src Port", " Source Port", "Src Port", "source port, 0 where the protocol has none") \
  X(dst_port, std::uint16_t, number, 4, "Dst Port", " Destination Port", "Dst Port", "destination port, 0 where the protocol has none") \
  X(protocol, std::uint8_t, number, 5, "Protocol", " Protocol", "Protocol", "IP protocol number") \
  X(timestamp, double, time_point, 6, "Timestamp", " Timestamp", "Timestamp", "time of the first packet") \
  X(flow_duration, double, duration, 7, "Flow Duration", " Flow Duration", "Flow Duration", "last packet minus first packet") \
  X(flow_byts_s, double, bytes_per_second, 20, "Flow Bytes/s", "Flow Bytes/s", "Flow Byts/s", "bytes of both directions / duration") \
  X(flow_pkts_s, double, per_second, 21, "Flow Packets/s", " Flow Packets/s", "Flow Pkts/s", "packets of both directions / duration") \
  X(fwd_pkts_s, double, per_second, 44, "Fwd Packets/s", "Fwd Packets/s", "Fwd Pkts/s", "forward packets / duration") \
  X(bwd_pkts_s, double, per_second, 45, "Bwd Packets/s", " Bwd Packets/s", "Bwd Pkts/s", "backward packets / duration") \
  X(tot_fwd_pkts, std::uint32_t, packets, 8, "Total Fwd Packet", " Total Fwd Packets", "Tot Fwd Pkts", "forward packets") \
  X(tot_bwd_pkts, std::uint32_t, packets, 9, "Total Bwd packets", " Total Backward Packets", "Tot Bwd Pkts", "backward packets") \
  X(totlen_fwd_pkts, std::uint64_t, bytes, 10, "Total Length of Fwd Packet", "Total Length of Fwd Packets", "TotLen Fwd Pkts", "sum of the lengths of forward packets") \
  X(totlen_bwd_pkts, std::uint64_t, bytes, 11, "Total Length of Bwd Packet", " Total Length of Bwd Packets", "TotLen Bwd Pkts", "sum of the lengths of backward packets") \
  X(fwd_pkt_len_max, std::uint32_t, bytes, 12, "Fwd Packet Length Max", " Fwd Packet Length Max", "Fwd Pkt Len Max", "largest of the packet lengths, forward") \
  X(fwd_pkt_len_min, std::uint32_t, bytes, 13, "Fwd Packet Length Min", " Fwd Packet Length Min", "Fwd Pkt Len Min", "smallest of the packet lengths, forward") \
  X(fwd_pkt_len_mean, double, bytes, 14, "Fwd Packet Length Mean", " Fwd Packet Length Mean", "Fwd Pkt Len Mean", "mean of the packet lengths, forward") \
  X(fwd_pkt_len_std, double, bytes, 15, "Fwd Packet Length Std", " Fwd Packet Length Std", "Fwd Pkt Len Std", "sample standard deviation (n-1) of the packet lengths, forward") \
  X(bwd_pkt_len_max, std::uint32_t, bytes, 16, "Bwd Packet Length Max", "Bwd Packet Length Max", "Bwd Pkt Len Max", "largest of the packet lengths, backward") \
  X(bwd_pkt_len_min, std::uint32_t, bytes, 17, "Bwd Packet Length Min", " Bwd Packet Length Min", "Bwd Pkt Len Min", "smallest of the packet lengths, backward") \
  X(bwd_pkt_len_mean, double, bytes, 18, "Bwd Packet Length Mean", " Bwd Packet Length Mean", "Bwd Pkt Len Mean", "mean of the packet lengths, backward") \
  X(bwd_pkt_len_std, double, bytes, 19, "Bwd Packet Length Std", " Bwd Packet Length Std", "Bwd Pkt Len Std", "sample standard deviation (n-1) of the packet lengths, backward") \
  X(pkt_len_max, std::uint32_t, bytes, 47, "Packet Length Max", " Max Packet Length", "Pkt Len Max", "largest of the packet lengths") \
  X(pkt_len_min, std::uint32_t, bytes, 46, "Packet Length Min", " Min Packet Length", "Pkt Len Min", "smallest of the packet lengths") \
  X(pkt_len_mean, double, bytes, 48, "Packet Length Mean", " Packet Length Mean", "Pkt Len Mean", "mean of the packet lengths") \
  X(pkt_len_std, double, bytes, 49, "Packet Length Std", " Packet Length Std", "Pkt Len Std", "sample standard deviation (n-1) of the packet lengths") \
  X(pkt_len_var, double, bytes_squared, 50, "Packet Length Variance", " Packet Length Variance", "Pkt Len Var", "sample variance (n-1) of the packet lengths") \
  X(fwd_header_len, std::uint64_t, bytes, 42, "Fwd Header Length", " Fwd Header Length", "Fwd Header Len", "sum of the transport header lengths, forward") \
  X(bwd_header_len, std::uint64_t, bytes, 43, "Bwd Header Length", " Bwd Header Length", "Bwd Header Len", "sum of the transport header lengths, backward") \
  X(fwd_seg_size_min, std::uint32_t, bytes, 77, "Fwd Seg Size Min", " min_seg_size_forward", "Fwd Seg Size Min", "smallest transport header, forward") \
  X(fwd_act_data_pkts, std::uint32_t, packets, 75, "Fwd Act Data Pkts", " act_data_pkt_fwd", "Fwd Act Data Pkts", "forward packets with payload") \
  X(flow_iat_mean, double, duration, 22, "Flow IAT Mean", " Flow IAT Mean", "Flow IAT Mean", "mean of the times between successive packets") \
  X(flow_iat_max, double, duration, 24, "Flow IAT Max", " Flow IAT Max", "Flow IAT Max", "largest of the times between successive packets") \
  X(flow_iat_min, double, duration, 25, "Flow IAT Min", " Flow IAT Min", "Flow IAT Min", "smallest of the times between successive packets") \
  X(flow_iat_std, double, duration, 23, "Flow IAT Std", " Flow IAT Std", "Flow IAT Std", "sample standard deviation (n-1) of the times between successive packets") \
  X(fwd_iat_tot, double, duration, 26, "Fwd IAT Total", "Fwd IAT Total", "Fwd IAT Tot", "sum of the times between successive packets, forward") \
  X(fwd_iat_max, double, duration, 29, "Fwd IAT Max", " Fwd IAT Max", "Fwd IAT Max", "largest of the times between successive packets, forward") \
  X(fwd_iat_min, double, duration, 30, "Fwd IAT Min", " Fwd IAT Min", "Fwd IAT Min", "smallest of the times between successive packets, forward") \
  X(fwd_iat_mean, double, duration, 27, "Fwd IAT Mean", " Fwd IAT Mean", "Fwd IAT Mean", "mean of the times between successive packets, forward") \
  X(fwd_iat_std, double, duration, 28, "Fwd IAT Std", " Fwd IAT Std", "Fwd IAT Std", "sample standard deviation (n-1) of the times between successive packets, forward") \
  X(bwd_iat_tot, double, duration, 31, "Bwd IAT Total", "Bwd IAT Total", "Bwd IAT Tot", "sum of the times between successive packets, backward") \
  X(bwd_iat_max, double, duration, 34, "Bwd IAT Max", " Bwd IAT Max", "Bwd IAT Max", "largest of the times between successive packets, backward") \
  X(bwd_iat_min, double, duration, 35, "Bwd IAT Min", " Bwd IAT Min", "Bwd IAT Min", "smallest of the times between successive packets, backward") \
  X(bwd_iat_mean, double, duration, 32, "Bwd IAT Mean", " Bwd IAT Mean", "Bwd IAT Mean", "mean of the times between successive packets, backward") \
  X(bwd_iat_std, double, duration, 33, "Bwd IAT Std", " Bwd IAT Std", "Bwd IAT Std", "sample standard deviation (n-1) of the times between successive packets, backward") \
  X(fwd_psh_flags, std::uint32_t, packets, 36, "Fwd PSH Flags", "Fwd PSH Flags", "Fwd PSH Flags", "forward packets with PSH") \
  X(bwd_psh_flags, std::uint32_t, packets, 37, "Bwd PSH Flags", " Bwd PSH Flags", "Bwd PSH Flags", "backward packets with PSH") \
  X(fwd_urg_flags, std::uint32_t, packets, 38, "Fwd URG Flags", " Fwd URG Flags", "Fwd URG Flags", "forward packets with URG") \
  X(bwd_urg_flags, std::uint32_t, packets, 39, "Bwd URG Flags", " Bwd URG Flags", "Bwd URG Flags", "backward packets with URG") \
  X(fin_flag_cnt, std::uint32_t, packets, 51, "FIN Flag Count", "FIN Flag Count", "FIN Flag Cnt", "packets with FIN") \
  X(syn_flag_cnt, std::uint32_t, packets, 52, "SYN Flag Count", " SYN Flag Count", "SYN Flag Cnt", "packets with SYN") \
  X(rst_flag_cnt, std::uint32_t, packets, 53, "RST Flag Count", " RST Flag Count", "RST Flag Cnt", "packets with RST") \
  X(psh_flag_cnt, std::uint32_t, packets, 54, "PSH Flag Count", " PSH Flag Count", "PSH Flag Cnt", "packets with PSH") \
  X(ack_flag_cnt, std::uint32_t, packets, 55, "ACK Flag Count", " ACK Flag Count", "ACK Flag Cnt", "packets with ACK") \
  X(urg_flag_cnt, std::uint32_t, packets, 56, "URG Flag Count", " URG Flag Count", "URG Flag Cnt", "packets with URG") \
  X(ece_flag_cnt, std::uint32_t, packets, 58, "ECE Flag Count", " ECE Flag Count", "ECE Flag Cnt", "packets with ECE") \
  X(down_up_ratio, double, ratio, 59, "Down/Up Ratio", " Down/Up Ratio", "Down/Up Ratio", "backward packets / forward packets") \
  X(pkt_size_avg, double, bytes, 60, "Average Packet Size", " Average Packet Size", "Pkt Size Avg", "bytes / packets, both directions") \
  X(fwd_seg_size_avg, double, bytes, 61, "Fwd Segment Size Avg", " Avg Fwd Segment Size", "Fwd Seg Size Avg", "bytes / packets, forward") \
  X(bwd_seg_size_avg, double, bytes, 62, "Bwd Segment Size Avg", " Avg Bwd Segment Size", "Bwd Seg Size Avg", "bytes / packets, backward") \
  X(fwd_byts_b_avg, double, bytes, 63, "Fwd Bytes/Bulk Avg", "Fwd Avg Bytes/Bulk", "Fwd Byts/b Avg", "payload bytes in bulks / bulks, forward") \
  X(fwd_pkts_b_avg, double, packets, 64, "Fwd Packet/Bulk Avg", " Fwd Avg Packets/Bulk", "Fwd Pkts/b Avg", "packets in bulks / bulks, forward") \
  X(fwd_blk_rate_avg, double, bytes_per_second, 65, "Fwd Bulk Rate Avg", " Fwd Avg Bulk Rate", "Fwd Blk Rate Avg", "payload bytes in bulks / their duration, forward") \
  X(bwd_byts_b_avg, double, bytes, 66, "Bwd Bytes/Bulk Avg", " Bwd Avg Bytes/Bulk", "Bwd Byts/b Avg", "payload bytes in bulks / bulks, backward") \
  X(bwd_pkts_b_avg, double, packets, 67, "Bwd Packet/Bulk Avg", " Bwd Avg Packets/Bulk", "Bwd Pkts/b Avg", "packets in bulks / bulks, backward") \
  X(bwd_blk_rate_avg, double, bytes_per_second, 68, "Bwd Bulk Rate Avg", "Bwd Avg Bulk Rate", "Bwd Blk Rate Avg", "payload bytes in bulks / their duration, backward") \
  X(subflow_fwd_pkts, double, packets, 69, "Subflow Fwd Packets", "Subflow Fwd Packets", "Subflow Fwd Pkts", "packets a subflow, forward; a gap of more than 1 s begins another") \
  X(subflow_fwd_byts, double, bytes, 70, "Subflow Fwd Bytes", " Subflow Fwd Bytes", "Subflow Fwd Byts", "bytes a subflow, forward; a gap of more than 1 s begins another") \
  X(subflow_bwd_pkts, double, packets, 71, "Subflow Bwd Packets", " Subflow Bwd Packets", "Subflow Bwd Pkts", "packets a subflow, backward; a gap of more than 1 s begins another") \
  X(subflow_bwd_byts, double, bytes, 72, "Subflow Bwd Bytes", " Subflow Bwd Bytes", "Subflow Bwd Byts", "bytes a subflow, backward; a gap of more than 1 s begins another") \
  X(init_fwd_win_byts, std::int32_t, bytes, 73, "FWD Init Win Bytes", "Init_Win_bytes_forward", "Init Fwd Win Byts", "TCP window of the first forward packet, -1 if none") \
  X(init_bwd_win_byts, std::int32_t, bytes, 74, "Bwd Init Win Bytes", " Init_Win_bytes_backward", "Init Bwd Win Byts", "TCP window of the first backward packet, -1 if none") \
  X(active_max, double, duration, 81, "Active Max", " Active Max", "Active Max", "largest of the active periods, each ended by a gap of more than 5 s") \
  X(active_min, double, duration, 82, "Active Min", " Active Min", "Active Min", "smallest of the active periods, each ended by a gap of more than 5 s") \
  X(active_mean, double, duration, 79, "Active Mean", "Active Mean", "Active Mean", "mean of the active periods, each ended by a gap of more than 5 s") \
  X(active_std, double, duration, 80, "Active Std", " Active Std", "Active Std", "sample standard deviation (n-1) of the active periods, each ended by a gap of more than 5 s") \
  X(idle_max, double, duration, 85, "Idle Max", " Idle Max", "Idle Max", "largest of the gaps of more than 5 s") \
  X(idle_min, double, duration, 86, "Idle Min", " Idle Min", "Idle Min", "smallest of the gaps of more than 5 s") \
  X(idle_mean, double, duration, 83, "Idle Mean", "Idle Mean", "Idle Mean", "mean of the gaps of more than 5 s") \
  X(idle_std, double, duration, 84, "Idle Std", " Idle Std", "Idle Std", "sample standard deviation (n-1) of the gaps of more than 5 s") \
  X(cwr_flag_count, std::uint32_t, packets, 57, "CWR Flag Count", " CWE Flag Count", "CWE Flag Count", "packets with CWR")

/// Columns that the Engelen fork alone has.
#define FLOWEDGE_ENGELEN_COLUMNS(X) \
  X(fwd_rst_flags, std::uint32_t, packets, 40, "Fwd RST Flags", nullptr, nullptr, "forward packets with RST") \
  X(bwd_rst_flags, std::uint32_t, packets, 41, "Bwd RST Flags", nullptr, nullptr, "backward packets with RST") \
  X(bwd_act_data_pkts, std::uint32_t, packets, 76, "Bwd Act Data Pkts", nullptr, nullptr, "backward packets with payload") \
  X(bwd_seg_size_min, std::uint32_t, bytes, 78, "Bwd Seg Size Min", nullptr, nullptr, "smallest transport header, backward; 0 unless the first packet is backward") \
  X(icmp_code, std::int32_t, number, 87, "ICMP Code", nullptr, nullptr, "ICMP code of the first packet, -1 if none") \
  X(icmp_type, std::int32_t, number, 88, "ICMP Type", nullptr, nullptr, "ICMP type of the first packet, -1 if none") \
  X(fwd_tcp_retrans_cnt, std::uint32_t, packets, 89, "Fwd TCP Retrans. Count", nullptr, nullptr, "forward TCP packets seen before in the flow") \
  X(bwd_tcp_retrans_cnt, std::uint32_t, packets, 90, "Bwd TCP Retrans. Count", nullptr, nullptr, "backward TCP packets seen before in the flow") \
  X(tot_tcp_retrans_cnt, std::uint32_t, packets, 91, "Total TCP Retrans. Count", nullptr, nullptr, "TCP packets seen before in the flow") \
  X(tot_connection_flow_time, double, duration, 92, "Total Connection Flow Time", nullptr, nullptr, "duration of all parts of a connection that was cut")

/// Columns that are given on request (`extra`). They keep their names in every scheme and follow the others.
#define FLOWEDGE_EXTRA_COLUMNS(X) \
  X(first_ns, std::int64_t, nanoseconds, -1, "first_ns", "first_ns", "first_ns", "time of the first packet, ns since 1970") \
  X(last_ns, std::int64_t, nanoseconds, -1, "last_ns", "last_ns", "last_ns", "time of the last packet, ns since 1970") \
  X(end_reason, std::uint8_t, number, -1, "end_reason", "end_reason", "end_reason", "why the flow was closed (IPFIX flowEndReason): 1 idle, 2 active time-out, 3 end detected, 4 forced, 5 no resources") \
  X(closed_ns, std::int64_t, nanoseconds, -1, "closed_ns", "closed_ns", "closed_ns", "time at which the flow was closed, by the packets' clock, ns since 1970") \
  X(vlan, std::uint16_t, number, -1, "vlan", "vlan", "vlan", "VLAN identifier of the first packet (outermost tag), 0 if none") \
  X(ip_version, std::uint8_t, number, -1, "ip_version", "ip_version", "ip_version", "4 or 6")

#define FLOWEDGE_ALL_COLUMNS(X) \
  FLOWEDGE_FEATURE_COLUMNS(X)   \
  FLOWEDGE_ENGELEN_COLUMNS(X)   \
  FLOWEDGE_EXTRA_COLUMNS(X)
// clang-format on
