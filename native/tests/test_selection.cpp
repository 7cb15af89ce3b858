#include <cmath>
#include <cstdint>
#include <string>

#include "check.hpp"
#include "flowedge/selection.hpp"

namespace {

using namespace flowedge;

// The heads are written out here, and not made from the list, so that a slip in the list shows.

/// netflower 1.1.0's columns.
const std::string kNetflowerHead =
    "src_ip,dst_ip,src_port,dst_port,protocol,timestamp,flow_duration,flow_byts_s,flow_pkts_s,fwd_pkts_s,"
    "bwd_pkts_s,tot_fwd_pkts,tot_bwd_pkts,totlen_fwd_pkts,totlen_bwd_pkts,fwd_pkt_len_max,fwd_pkt_len_min,"
    "fwd_pkt_len_mean,fwd_pkt_len_std,bwd_pkt_len_max,bwd_pkt_len_min,bwd_pkt_len_mean,bwd_pkt_len_std,"
    "pkt_len_max,pkt_len_min,pkt_len_mean,pkt_len_std,pkt_len_var,fwd_header_len,bwd_header_len,fwd_seg_size_min,"
    "fwd_act_data_pkts,flow_iat_mean,flow_iat_max,flow_iat_min,flow_iat_std,fwd_iat_tot,fwd_iat_max,fwd_iat_min,"
    "fwd_iat_mean,fwd_iat_std,bwd_iat_tot,bwd_iat_max,bwd_iat_min,bwd_iat_mean,bwd_iat_std,fwd_psh_flags,"
    "bwd_psh_flags,fwd_urg_flags,bwd_urg_flags,fin_flag_cnt,syn_flag_cnt,rst_flag_cnt,psh_flag_cnt,ack_flag_cnt,"
    "urg_flag_cnt,ece_flag_cnt,down_up_ratio,pkt_size_avg,fwd_seg_size_avg,bwd_seg_size_avg,fwd_byts_b_avg,"
    "fwd_pkts_b_avg,fwd_blk_rate_avg,bwd_byts_b_avg,bwd_pkts_b_avg,bwd_blk_rate_avg,subflow_fwd_pkts,"
    "subflow_fwd_byts,subflow_bwd_pkts,subflow_bwd_byts,init_fwd_win_byts,init_bwd_win_byts,active_max,"
    "active_min,active_mean,active_std,idle_max,idle_min,idle_mean,idle_std,cwr_flag_count";

/// What mode engelen adds to them.
const std::string kEngelenNames =
    "fwd_rst_flags,bwd_rst_flags,bwd_act_data_pkts,bwd_seg_size_min,icmp_code,icmp_type,fwd_tcp_retrans_cnt,"
    "bwd_tcp_retrans_cnt,tot_tcp_retrans_cnt,tot_connection_flow_time";

/// CICFlowMeter v4, 84 columns.
const std::string kCicflowmeterHead =
    "Flow ID,Src IP,Src Port,Dst IP,Dst Port,Protocol,Timestamp,Flow Duration,Total Fwd Packet,Total Bwd packets,"
    "Total Length of Fwd Packet,Total Length of Bwd Packet,Fwd Packet Length Max,Fwd Packet Length Min,"
    "Fwd Packet Length Mean,Fwd Packet Length Std,Bwd Packet Length Max,Bwd Packet Length Min,"
    "Bwd Packet Length Mean,Bwd Packet Length Std,Flow Bytes/s,Flow Packets/s,Flow IAT Mean,Flow IAT Std,"
    "Flow IAT Max,Flow IAT Min,Fwd IAT Total,Fwd IAT Mean,Fwd IAT Std,Fwd IAT Max,Fwd IAT Min,Bwd IAT Total,"
    "Bwd IAT Mean,Bwd IAT Std,Bwd IAT Max,Bwd IAT Min,Fwd PSH Flags,Bwd PSH Flags,Fwd URG Flags,Bwd URG Flags,"
    "Fwd Header Length,Bwd Header Length,Fwd Packets/s,Bwd Packets/s,Packet Length Min,Packet Length Max,"
    "Packet Length Mean,Packet Length Std,Packet Length Variance,FIN Flag Count,SYN Flag Count,RST Flag Count,"
    "PSH Flag Count,ACK Flag Count,URG Flag Count,CWR Flag Count,ECE Flag Count,Down/Up Ratio,"
    "Average Packet Size,Fwd Segment Size Avg,Bwd Segment Size Avg,Fwd Bytes/Bulk Avg,Fwd Packet/Bulk Avg,"
    "Fwd Bulk Rate Avg,Bwd Bytes/Bulk Avg,Bwd Packet/Bulk Avg,Bwd Bulk Rate Avg,Subflow Fwd Packets,"
    "Subflow Fwd Bytes,Subflow Bwd Packets,Subflow Bwd Bytes,FWD Init Win Bytes,Bwd Init Win Bytes,"
    "Fwd Act Data Pkts,Fwd Seg Size Min,Active Mean,Active Std,Active Max,Active Min,Idle Mean,Idle Std,Idle Max,"
    "Idle Min,Label";

/// The Engelen fork, 94 columns.
const std::string kEngelenHead =
    "Flow ID,Src IP,Src Port,Dst IP,Dst Port,Protocol,Timestamp,Flow Duration,Total Fwd Packet,Total Bwd packets,"
    "Total Length of Fwd Packet,Total Length of Bwd Packet,Fwd Packet Length Max,Fwd Packet Length Min,"
    "Fwd Packet Length Mean,Fwd Packet Length Std,Bwd Packet Length Max,Bwd Packet Length Min,"
    "Bwd Packet Length Mean,Bwd Packet Length Std,Flow Bytes/s,Flow Packets/s,Flow IAT Mean,Flow IAT Std,"
    "Flow IAT Max,Flow IAT Min,Fwd IAT Total,Fwd IAT Mean,Fwd IAT Std,Fwd IAT Max,Fwd IAT Min,Bwd IAT Total,"
    "Bwd IAT Mean,Bwd IAT Std,Bwd IAT Max,Bwd IAT Min,Fwd PSH Flags,Bwd PSH Flags,Fwd URG Flags,Bwd URG Flags,"
    "Fwd RST Flags,Bwd RST Flags,Fwd Header Length,Bwd Header Length,Fwd Packets/s,Bwd Packets/s,"
    "Packet Length Min,Packet Length Max,Packet Length Mean,Packet Length Std,Packet Length Variance,"
    "FIN Flag Count,SYN Flag Count,RST Flag Count,PSH Flag Count,ACK Flag Count,URG Flag Count,CWR Flag Count,"
    "ECE Flag Count,Down/Up Ratio,Average Packet Size,Fwd Segment Size Avg,Bwd Segment Size Avg,"
    "Fwd Bytes/Bulk Avg,Fwd Packet/Bulk Avg,Fwd Bulk Rate Avg,Bwd Bytes/Bulk Avg,Bwd Packet/Bulk Avg,"
    "Bwd Bulk Rate Avg,Subflow Fwd Packets,Subflow Fwd Bytes,Subflow Bwd Packets,Subflow Bwd Bytes,"
    "FWD Init Win Bytes,Bwd Init Win Bytes,Fwd Act Data Pkts,Bwd Act Data Pkts,Fwd Seg Size Min,Bwd Seg Size Min,"
    "Active Mean,Active Std,Active Max,Active Min,Idle Mean,Idle Std,Idle Max,Idle Min,ICMP Code,ICMP Type,"
    "Fwd TCP Retrans. Count,Bwd TCP Retrans. Count,Total TCP Retrans. Count,Total Connection Flow Time,Label";

/// The published CICIDS2017 files, 85 columns with the repeated one.
const std::string kCicids2017Head =
    "Flow ID, Source IP, Source Port, Destination IP, Destination Port, Protocol, Timestamp, Flow Duration,"
    " Total Fwd Packets, Total Backward Packets,Total Length of Fwd Packets, Total Length of Bwd Packets,"
    " Fwd Packet Length Max, Fwd Packet Length Min, Fwd Packet Length Mean, Fwd Packet Length Std,"
    "Bwd Packet Length Max, Bwd Packet Length Min, Bwd Packet Length Mean, Bwd Packet Length Std,Flow Bytes/s,"
    " Flow Packets/s, Flow IAT Mean, Flow IAT Std, Flow IAT Max, Flow IAT Min,Fwd IAT Total, Fwd IAT Mean,"
    " Fwd IAT Std, Fwd IAT Max, Fwd IAT Min,Bwd IAT Total, Bwd IAT Mean, Bwd IAT Std, Bwd IAT Max, Bwd IAT Min,"
    "Fwd PSH Flags, Bwd PSH Flags, Fwd URG Flags, Bwd URG Flags, Fwd Header Length, Bwd Header Length,"
    "Fwd Packets/s, Bwd Packets/s, Min Packet Length, Max Packet Length, Packet Length Mean, Packet Length Std,"
    " Packet Length Variance,FIN Flag Count, SYN Flag Count, RST Flag Count, PSH Flag Count, ACK Flag Count,"
    " URG Flag Count, CWE Flag Count, ECE Flag Count, Down/Up Ratio, Average Packet Size, Avg Fwd Segment Size,"
    " Avg Bwd Segment Size, Fwd Header Length,Fwd Avg Bytes/Bulk, Fwd Avg Packets/Bulk, Fwd Avg Bulk Rate,"
    " Bwd Avg Bytes/Bulk, Bwd Avg Packets/Bulk,Bwd Avg Bulk Rate,Subflow Fwd Packets, Subflow Fwd Bytes,"
    " Subflow Bwd Packets, Subflow Bwd Bytes,Init_Win_bytes_forward, Init_Win_bytes_backward, act_data_pkt_fwd,"
    " min_seg_size_forward,Active Mean, Active Std, Active Max, Active Min,Idle Mean, Idle Std, Idle Max,"
    " Idle Min, Label";

/// CSE-CIC-IDS2018's names, 84 columns.
const std::string kCseCicIds2018Head =
    "Flow ID,Src IP,Src Port,Dst IP,Dst Port,Protocol,Timestamp,Flow Duration,Tot Fwd Pkts,Tot Bwd Pkts,"
    "TotLen Fwd Pkts,TotLen Bwd Pkts,Fwd Pkt Len Max,Fwd Pkt Len Min,Fwd Pkt Len Mean,Fwd Pkt Len Std,"
    "Bwd Pkt Len Max,Bwd Pkt Len Min,Bwd Pkt Len Mean,Bwd Pkt Len Std,Flow Byts/s,Flow Pkts/s,Flow IAT Mean,"
    "Flow IAT Std,Flow IAT Max,Flow IAT Min,Fwd IAT Tot,Fwd IAT Mean,Fwd IAT Std,Fwd IAT Max,Fwd IAT Min,"
    "Bwd IAT Tot,Bwd IAT Mean,Bwd IAT Std,Bwd IAT Max,Bwd IAT Min,Fwd PSH Flags,Bwd PSH Flags,Fwd URG Flags,"
    "Bwd URG Flags,Fwd Header Len,Bwd Header Len,Fwd Pkts/s,Bwd Pkts/s,Pkt Len Min,Pkt Len Max,Pkt Len Mean,"
    "Pkt Len Std,Pkt Len Var,FIN Flag Cnt,SYN Flag Cnt,RST Flag Cnt,PSH Flag Cnt,ACK Flag Cnt,URG Flag Cnt,"
    "CWE Flag Count,ECE Flag Cnt,Down/Up Ratio,Pkt Size Avg,Fwd Seg Size Avg,Bwd Seg Size Avg,Fwd Byts/b Avg,"
    "Fwd Pkts/b Avg,Fwd Blk Rate Avg,Bwd Byts/b Avg,Bwd Pkts/b Avg,Bwd Blk Rate Avg,Subflow Fwd Pkts,"
    "Subflow Fwd Byts,Subflow Bwd Pkts,Subflow Bwd Byts,Init Fwd Win Byts,Init Bwd Win Byts,Fwd Act Data Pkts,"
    "Fwd Seg Size Min,Active Mean,Active Std,Active Max,Active Min,Idle Mean,Idle Std,Idle Max,Idle Min,Label";

std::string head(const Selection& selection) {
  std::string joined;
  for (const OutputColumn& column : selection.columns()) joined += (joined.empty() ? "" : ",") + column.header;
  return joined;
}

Selection make(const SelectionRequest& request) {
  Selection selection;
  std::string problem;
  CHECK(Selection::make(request, selection, problem));
  CHECK_EQ(problem, std::string());
  return selection;
}

std::string default_head(Mode mode, NameScheme names) {
  return head(make({mode, names, {}, {}, ""}));
}

std::string problem_with(const SelectionRequest& request) {
  Selection selection;
  std::string problem;
  CHECK(!Selection::make(request, selection, problem));
  return problem;
}

SelectionRequest pick(std::vector<std::string> columns, std::vector<std::string> extra = {}) {
  SelectionRequest request;
  request.columns = std::move(columns);
  request.extra = std::move(extra);
  return request;
}

TEST(heads_of_the_schemes) {
  CHECK_EQ(default_head(Mode::netflower, NameScheme::netflower), kNetflowerHead);
  CHECK_EQ(default_head(Mode::corrected, NameScheme::netflower), kNetflowerHead);
  CHECK_EQ(default_head(Mode::cicflowmeter, NameScheme::cicflowmeter), kCicflowmeterHead);
  CHECK_EQ(default_head(Mode::netflower, NameScheme::cicids2017), kCicids2017Head);
  CHECK_EQ(default_head(Mode::netflower, NameScheme::cse_cic_ids2018), kCseCicIds2018Head);
}

TEST(heads_of_mode_engelen) {
  CHECK_EQ(default_head(Mode::engelen, NameScheme::cicflowmeter), kEngelenHead);
  CHECK_EQ(default_head(Mode::engelen, NameScheme::netflower), kNetflowerHead + "," + kEngelenNames);
}

TEST(engelen_has_columns_that_data_sets_cannot_name) {
  SelectionRequest request;
  request.mode = Mode::engelen;
  request.names = NameScheme::cicids2017;
  CHECK_EQ(problem_with(request),
           std::string("the mode engelen has columns that the name scheme cicids2017 cannot name; "
                       "use the names netflower or cicflowmeter"));
  request.names = NameScheme::cse_cic_ids2018;
  CHECK(problem_with(request).find("scheme cse-cic-ids2018 cannot") != std::string::npos);
}

TEST(only_the_data_set_of_2017_repeats_a_column) {
  SelectionRequest request;
  int repeated = 0;
  for (request.names = NameScheme::netflower; request.names != NameScheme::count_;
       request.names = static_cast<NameScheme>(static_cast<int>(request.names) + 1)) {
    const Selection selection = make(request);
    for (const OutputColumn& column : selection.columns()) repeated += column.repeated ? 1 : 0;
  }
  CHECK_EQ(repeated, 1);
}

TEST(columns_are_picked_and_ordered) {
  CHECK_EQ(head(make(pick({"tot_fwd_pkts", "src_ip", "label", "first_ns"}))),
           std::string("tot_fwd_pkts,src_ip,label,first_ns"));
  SelectionRequest request = pick({" Flow Duration", "Source IP", "fwd_header_len", "Flow ID ", "label"});
  request.names = NameScheme::cicids2017;
  CHECK_EQ(head(make(request)), std::string(" Flow Duration, Source IP, Fwd Header Length,Flow ID, Label"));
}

TEST(extras_follow_under_their_own_names) {
  CHECK_EQ(head(make(pick({"src_ip"}, {"vlan", "label", "first_ns"}))), std::string("src_ip,vlan,label,first_ns"));
  SelectionRequest request = pick({}, {"end_reason"});
  request.names = NameScheme::cicflowmeter;
  CHECK_EQ(head(make(request)), kCicflowmeterHead + ",end_reason");
}

TEST(unknown_names_are_told_their_nearest) {
  CHECK_EQ(problem_with(pick({"src_ipp"})),
           std::string("there is no column \"src_ipp\"; the nearest name is \"src_ip\""));
  CHECK_EQ(problem_with(pick({}, {"vlna"})),
           std::string("there is no extra column \"vlna\"; the nearest name is \"vlan\""));
  SelectionRequest request = pick({"flow iat men"});
  request.names = NameScheme::cicids2017;
  CHECK_EQ(problem_with(request),
           std::string("there is no column \"flow iat men\"; the nearest name is \"Flow IAT Mean\""));
  CHECK(!problem_with(pick({""})).empty());
  CHECK(!problem_with(pick({std::string(5000, 'x')})).empty());
  CHECK(problem_with(pick({}, {"src_ip"})).find("there is no extra column") == 0);
}

TEST(engelen_columns_are_in_that_mode_alone) {
  CHECK_EQ(problem_with(pick({"icmp_code"})), std::string("the column \"icmp_code\" is in the mode engelen alone"));
  SelectionRequest request = pick({"ICMP Code", "fwd_rst_flags"});
  request.mode = Mode::engelen;
  request.names = NameScheme::cicflowmeter;
  CHECK_EQ(head(make(request)), std::string("ICMP Code,Fwd RST Flags"));
}

TEST(no_column_twice) {
  CHECK_EQ(problem_with(pick({"src_ip", "dst_ip", "src_ip"})),
           std::string("the column \"src_ip\" would be there twice; leave one out"));
  CHECK(!problem_with(pick({"vlan"}, {"vlan"})).empty());
  SelectionRequest request = pick({}, {"label"});
  request.names = NameScheme::cicflowmeter;
  CHECK(!problem_with(request).empty());
}

TEST(a_failed_request_changes_nothing) {
  Selection selection = make(pick({"src_ip"}));
  std::string problem;
  CHECK(!Selection::make(pick({"nonsense"}), selection, problem));
  CHECK_EQ(head(selection), std::string("src_ip"));
}

UnitChange duration_change(Mode mode, NameScheme names) {
  SelectionRequest request;
  request.mode = mode;
  request.names = names;
  request.columns = {"flow_duration", "flow_byts_s"};
  const Selection selection = make(request);
  CHECK(selection.columns()[1].change == UnitChange::none);
  return selection.columns()[0].change;
}

TEST(durations_take_the_unit_of_the_scheme) {
  CHECK(duration_change(Mode::netflower, NameScheme::netflower) == UnitChange::none);
  CHECK(duration_change(Mode::corrected, NameScheme::cicids2017) == UnitChange::to_microseconds);
  CHECK(duration_change(Mode::cicflowmeter, NameScheme::cicflowmeter) == UnitChange::none);
  CHECK(duration_change(Mode::engelen, NameScheme::netflower) == UnitChange::to_seconds);
}

TEST(whole_nanoseconds_keep_their_digits) {
  CHECK(0.000123 * 1e6 != 123.0);  // why there is a rule
  std::uint64_t random = 1;
  for (int i = 0; i < 200'000; ++i) {
    random = random * 6364136223846793005u + 1442695040888963407u;
    const auto nanoseconds = static_cast<std::int64_t>(random >> 14) >> (random % 48);
    const double exact = static_cast<double>(nanoseconds);
    CHECK(seconds_to_microseconds(exact / 1e9) == exact / 1e3);
    CHECK(seconds_to_microseconds(-exact / 1e9) == -exact / 1e3);
  }
}

TEST(what_is_no_whole_nanosecond_is_multiplied) {
  CHECK(seconds_to_microseconds(1.5e-9) == 1.5e-9 * 1e6);
  CHECK(seconds_to_microseconds(1.0 / 3) == 1.0 / 3 * 1e6);
  CHECK(std::isnan(seconds_to_microseconds(std::nan(""))));
  CHECK(std::isinf(seconds_to_microseconds(HUGE_VAL)));
}

TEST(times_are_written_as_the_scheme_does) {
  const auto style = [](Mode mode, NameScheme names) { return make({mode, names, {}, {}, ""}).time_text(); };
  CHECK(style(Mode::engelen, NameScheme::netflower) == TimeText::epoch);
  CHECK(style(Mode::engelen, NameScheme::cicflowmeter) == TimeText::engelen);
  CHECK(style(Mode::netflower, NameScheme::cicflowmeter) == TimeText::cicflowmeter);
  CHECK(style(Mode::corrected, NameScheme::cicids2017) == TimeText::day_month_year);
  CHECK(style(Mode::cicflowmeter, NameScheme::cse_cic_ids2018) == TimeText::day_month_year);
}

}  // namespace
