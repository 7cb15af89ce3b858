#pragma once
#include <cmath>
#include <limits>

#include "engine_of.hpp"
#include "rules_java.hpp"

namespace flowedge {

/// CICFlowMeter v4 (ahlashkari 98a5eba), bug for bug; docs/features.md lists the bugs.
struct CicflowmeterRules : JavaRules {
  struct Extension {
    std::int64_t run_last[2];
    std::uint32_t first_length;
    std::uint8_t first_flags;
    std::uint8_t fins[2];  ///< FINs after the first packet, by direction
  };

  static Skip decode(const Frame& frame, const DecodeOptions&, Packet& packet) {
    return decode_cicflowmeter(frame, packet);
  }

  /// It compares two copies of the address by identity: every packet is "backward" to the bulk detector.
  static void add_bulk(Flow& flow, Extension& extension, const Packet& packet, Direction) {
    add_java_bulk(flow.bulks, extension.run_last, packet, kBackward);
  }

  /// The first forward window, the last backward one.
  static void add_window(Flow& flow, const Packet& packet, Direction d) {
    if (d == kBackward || flow.total_packets() == 0) flow.window[d] = static_cast<std::uint16_t>(packet.window);
  }

  static bool prints(const Flow& flow) { return flow.total_packets() > 1; }

  template <class Engine>
  static void arrive(Engine& engine, const Packet& packet, RecordBatch& out) {
    std::uint32_t number = engine.find(packet);
    if (number == Engine::kNone) {
      number = engine.open(packet, packet.from_high, out);
      return add_first(engine, number, packet, out);
    }
    const Flow& flow = engine.flow(number);
    if (is_cut(engine, flow, packet)) {
      engine.print(number, EndReason::active, out);
      engine.restart(number, packet, flow.is(Flow::kForwardFromHigh));
      return add_first(engine, number, packet, out);
    }
    add_further(engine, number, packet, out);
  }

  static void write(Flow& flow, const Pauses& pauses, const Extension& extension, FlowRecord& record) {
    write_shared<CicflowmeterRules>(flow, pauses, record);
    write_all_lengths(flow, 1, extension.first_length, record);
    write_first_packet_flags(extension, record);
    write_unguarded_rates(flow, record);
    record.fwd_act_data_pkts -= extension.first_length > 0 ? 1 : 0;
    record.init_fwd_win_byts = flow.window[kForward];
    record.init_bwd_win_byts = flow.window[kBackward];
    record.down_up_ratio = std::floor(record.down_up_ratio);
    write_bulks(flow, kSecond, record);
    write_subflows(flow, flow.long_gaps, record);
    truncate(record);
  }

 private:
  /// The first packet is booked as forward whatever its direction, which shows after a cut.
  template <class Engine>
  static void add_first(Engine& engine, std::uint32_t number, const Packet& packet, RecordBatch& out) {
    Extension& extension = engine.extension(number);
    extension.first_length = packet.payload;
    extension.first_flags = packet.flags;
    engine.add(number, packet, kForward, out);
  }

  /// The first backward FIN ends the flow, and so does any RST; a second FIN of the same side is thrown away.
  template <class Engine>
  static void add_further(Engine& engine, std::uint32_t number, const Packet& packet, RecordBatch& out) {
    const Direction d = direction_of(engine.flow(number), packet);
    const bool fin = (packet.flags & tcp::kFin) != 0;
    if (fin && engine.extension(number).fins[d] != 0) return engine.count_skip(Skip::repeated_fin);
    if (fin) engine.extension(number).fins[d] = 1;
    if (!engine.add(number, packet, d, out)) return;
    const bool ends = fin ? d == kBackward : (packet.flags & tcp::kRst) != 0;
    if (ends) engine.remove(number, EndReason::end_detected, out);
  }

  static void write_first_packet_flags(const Extension& extension, FlowRecord& record) {
    record.fwd_psh_flags = extension.first_flags >> 3 & 1;
    record.fwd_urg_flags = extension.first_flags >> 5 & 1;
    record.bwd_psh_flags = record.bwd_urg_flags = 0;
  }

  /// Divided by the duration whatever it is: infinite or NaN where it is 0.
  static void write_unguarded_rates(const Flow& flow, FlowRecord& record) {
    const double seconds = static_cast<double>(flow.last() - flow.first) / kSecond;
    const auto bytes = static_cast<double>(flow.bytes[kForward] + flow.bytes[kBackward]);
    constexpr double kInfinity = std::numeric_limits<double>::infinity();
    constexpr double kNotANumber = std::numeric_limits<double>::quiet_NaN();
    const double bytes_of_nothing = bytes == 0 ? kNotANumber : kInfinity;
    record.flow_byts_s = seconds == 0 ? bytes_of_nothing : bytes / seconds;
    record.flow_pkts_s = seconds == 0 ? kInfinity : flow.total_packets() / seconds;
  }

  /// It divides integers here.
  static void truncate(FlowRecord& record) {
    for (double* value :
         {&record.bwd_byts_b_avg, &record.bwd_pkts_b_avg, &record.bwd_blk_rate_avg, &record.subflow_fwd_pkts,
          &record.subflow_fwd_byts, &record.subflow_bwd_pkts, &record.subflow_bwd_byts}) {
      *value = std::trunc(*value);
    }
  }
};

}  // namespace flowedge
