#pragma once
#include <algorithm>
#include <cstdint>
#include <limits>

#include "engine_of.hpp"
#include "rules_java.hpp"
#include "seen_packets.hpp"

namespace flowedge {

/// The Engelen fork of CICFlowMeter (GintsEngelen 4dd5319), bug for bug; docs/features.md lists the bugs.
struct EngelenRules : JavaRules {
  /// A closed flow stays where it is until a SYN, the cut at 120 s or the end.
  enum class Stage : std::uint8_t { open, one_fin, both_fins, ready };

  struct Extension {
    std::int64_t run_last[2];
    std::int64_t connection_time;  ///< of the parts before this one, and the gaps between
    SeenPackets* seen;
    std::uint32_t forward_rst;
    std::uint32_t backward_data_packets;
    std::uint32_t retransmissions[2];
    std::int16_t icmp_code;
    std::int16_t icmp_type;
    std::uint8_t header_min_backward;
    bool id_from_high;  ///< orientation of the Flow ID: that of the connection's first flow
    Stage stage;
  };

  static bool ended(const Flow&, const Extension& extension) { return extension.stage == Stage::ready; }

  static void forget(Extension& extension) {
    delete extension.seen;
    extension.seen = nullptr;
  }

  static Skip decode(const Frame& frame, const DecodeOptions&, Packet& packet) { return decode_engelen(frame, packet); }

  static void add_bulk(Flow& flow, Extension& extension, const Packet& packet, Direction d) {
    add_java_bulk(flow.bulks, extension.run_last, packet, d);
  }

  /// The first packet's window if that is a forward packet; the first backward one that is not 0.
  static void add_window(Flow& flow, const Packet& packet, Direction d) {
    const bool wanted = d == kForward ? flow.total_packets() == 0 : flow.window[kBackward] == 0;
    if (wanted) flow.window[d] = static_cast<std::uint16_t>(packet.window);
  }

  template <class Engine>
  static void arrive(Engine& engine, const Packet& packet, RecordBatch& out) {
    const std::uint32_t number = engine.find(packet);
    if (number == Engine::kNone) return open(engine, packet, out);
    const Flow& flow = engine.flow(number);
    const bool reopens = engine.extension(number).stage == Stage::ready && (packet.flags & tcp::kSyn) != 0;
    if (is_cut(engine, flow, packet) || reopens) return cut(engine, number, packet, reopens, out);
    if (is_another_icmp_message(engine.extension(number), flow, packet)) {
      engine.print(number, EndReason::end_detected, out);
      return restart(engine, number, packet, packet.from_high, out);
    }
    add(engine, number, packet, out);
    advance_stage(engine.extension(number), engine.flow(number), packet);
  }

  static void write(Flow& flow, const Pauses& pauses, const Extension& extension, FlowRecord& record) {
    write_shared<EngelenRules>(flow, pauses, record);
    write_all_lengths(flow, 0, 0, record);
    write_bulks(flow, kSecond, record);
    write_subflows(flow, flow.long_gaps, record);
    write_unguarded_rates(flow, record);
    write_first_packet_quirks(flow, extension, record);
    write_fork_columns(flow, extension, record);
  }

 private:
  static bool is_transport(const Flow& flow) { return flow.key.protocol == kTcp || flow.key.protocol == kUdp; }

  template <class Engine>
  static void open(Engine& engine, const Packet& packet, RecordBatch& out) {
    const bool from_high = packet.from_high != is_syn_ack(packet);
    const std::uint32_t number = engine.open(packet, from_high, out);
    start(engine, number, packet, from_high, out);
  }

  /// A new flow in the old one's place: it keeps the old one's Flow ID.
  template <class Engine>
  static void restart(Engine& engine, std::uint32_t number, const Packet& packet, bool from_high, RecordBatch& out) {
    const bool id_from_high = engine.extension(number).id_from_high;
    engine.restart(number, packet, from_high);
    start(engine, number, packet, id_from_high, out);
  }

  template <class Engine>
  static void start(Engine& engine, std::uint32_t number, const Packet& packet, bool id_from_high, RecordBatch& out) {
    Extension& extension = engine.extension(number);
    extension.id_from_high = id_from_high;
    extension.icmp_code = packet.icmp_code;
    extension.icmp_type = packet.icmp_type;
    extension.header_min_backward = std::numeric_limits<std::uint8_t>::max();
    add(engine, number, packet, out);
  }

  template <class Engine>
  static void add(Engine& engine, std::uint32_t number, const Packet& packet, RecordBatch& out) {
    Extension& extension = engine.extension(number);
    const Direction d = direction_of(engine.flow(number), packet);
    if (packet.key.protocol == kTcp) {
      if (extension.seen == nullptr) extension.seen = new SeenPackets;
      extension.retransmissions[d] += extension.seen->add(packet) ? 0 : 1;
    }
    if (d == kForward) {
      extension.forward_rst += packet.flags >> 2 & 1;
    } else {
      extension.backward_data_packets += packet.payload > 0;
      extension.header_min_backward = std::min(extension.header_min_backward, packet.header);
    }
    engine.add(number, packet, d, out);
  }

  /// The packet is beyond the 120 s, or begins a connection anew.
  template <class Engine>
  static void cut(Engine& engine, std::uint32_t number, const Packet& packet, bool reopens, RecordBatch& out) {
    const Flow& flow = engine.flow(number);
    const std::int64_t silence = packet.time - flow.last();
    const bool forward_from_high = flow.is(Flow::kForwardFromHigh);
    const bool afresh = reopens || (flow.key.protocol == kUdp && silence > 120 * kSecond) || !is_transport(flow);
    const std::int64_t connection_time = engine.extension(number).connection_time + flow.last() - flow.first + silence;
    engine.print(number, reopens ? EndReason::end_detected : EndReason::active, out);
    if (afresh) return restart(engine, number, packet, packet.from_high != is_syn_ack(packet), out);

    SeenPackets* seen = engine.extension(number).seen;
    engine.extension(number).seen = nullptr;
    const bool id_from_high = engine.extension(number).id_from_high;
    engine.restart(number, packet, forward_from_high);
    engine.extension(number).seen = seen;
    engine.extension(number).connection_time = connection_time;
    start(engine, number, packet, id_from_high, out);
  }

  static bool is_another_icmp_message(const Extension& extension, const Flow& flow, const Packet& packet) {
    if (flow.key.protocol != kIcmp) return false;
    return extension.icmp_code != packet.icmp_code && extension.icmp_type != packet.icmp_type;
  }

  static void advance_stage(Extension& extension, const Flow& flow, const Packet& packet) {
    if ((packet.flags & tcp::kFin) != 0) {
      if (extension.stage == Stage::open) {
        extension.stage = Stage::one_fin;
      } else if (extension.stage == Stage::one_fin && flow.fins_of_both()) {
        extension.stage = Stage::both_fins;
      }
      return;
    }
    const bool last_ack = (packet.flags & tcp::kAck) != 0 && extension.stage == Stage::both_fins;
    if ((packet.flags & tcp::kRst) != 0 || last_ack) extension.stage = Stage::ready;
  }

  /// -1 for these two where the duration is 0; the others are 0 then.
  static void write_unguarded_rates(const Flow& flow, FlowRecord& record) {
    const double seconds = static_cast<double>(flow.last() - flow.first) / kSecond;
    const auto bytes = static_cast<double>(flow.bytes[kForward] + flow.bytes[kBackward]);
    record.flow_byts_s = seconds == 0 ? -1 : bytes / seconds;
    record.flow_pkts_s = seconds == 0 ? -1 : flow.total_packets() / seconds;
  }

  static void write_first_packet_quirks(const Flow& flow, const Extension& extension, FlowRecord& record) {
    const bool backward_first = flow.is(Flow::kFirstBackward);
    record.init_fwd_win_byts = backward_first ? 0 : flow.window[kForward];
    record.init_bwd_win_byts = flow.window[kBackward];
    if (backward_first) record.fwd_seg_size_min = 0;
    record.bwd_seg_size_min = backward_first ? extension.header_min_backward : 0;
  }

  static void write_fork_columns(const Flow& flow, const Extension& extension, FlowRecord& record) {
    record.fwd_rst_flags = extension.forward_rst;
    record.bwd_rst_flags = record.rst_flag_cnt - extension.forward_rst;
    record.bwd_act_data_pkts = extension.backward_data_packets;
    record.icmp_code = extension.icmp_code;
    record.icmp_type = extension.icmp_type;
    record.fwd_tcp_retrans_cnt = extension.retransmissions[kForward];
    record.bwd_tcp_retrans_cnt = extension.retransmissions[kBackward];
    record.tot_tcp_retrans_cnt = extension.retransmissions[kForward] + extension.retransmissions[kBackward];
    const std::int64_t own_time = is_transport(flow) ? flow.last() - flow.first : 0;
    record.tot_connection_flow_time = static_cast<double>(extension.connection_time + own_time);
    record.flow_id_reversed = extension.id_from_high != flow.is(Flow::kForwardFromHigh);
  }
};

}  // namespace flowedge
