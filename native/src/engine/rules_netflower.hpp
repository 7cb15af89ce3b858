#pragma once
#include <cmath>

#include "engine_of.hpp"
#include "rules.hpp"

namespace flowedge {

/// netflower 1.1.0's definitions and life cycle: lengths are IP lengths, a closed TCP connection's trailing
/// packets are left over.
struct NetflowerRules : WireRules {
  using Extension = NoExtension;
  static constexpr bool kPrintsBeforeLinger = true;

  static Skip decode(const Frame& frame, const DecodeOptions& options, Packet& packet) {
    return decode_wire(frame, options, packet);
  }

  static std::uint32_t length(const Packet& packet) { return packet.ip_length; }

  /// A bulk is a run of more than four packets with payload in one direction. A packet without payload ends it; a
  /// run that is open when the flow ends does not count.
  static void add_bulk(Flow& flow, Extension&, const Packet& packet, Direction d) {
    Bulks& bulks = flow.bulks;
    if (packet.payload > 0) return extend_run(bulks, d, packet);
    if (bulks.run_packets[d] > 4) count_bulk(bulks, d, flow.direction_last[d] - bulks.start[d]);
    bulks.run_packets[d] = 0;
  }

  template <class Engine>
  static void arrive(Engine& engine, const Packet& packet, RecordBatch& out) {
    std::uint32_t number = engine.find(packet);
    if (number == Engine::kNone) {
      number = engine.open(packet, packet.from_high, out);
    } else if (!continues(engine, number, packet, out)) {
      return;
    }
    const Flow& flow = engine.flow(number);
    if (!engine.add(number, packet, flow.direction_of(packet), out)) return;
    if (ends_connection(flow, packet)) end(engine, number, packet, out);
  }

  static void write(Flow& flow, const Pauses& pauses, const Extension&, FlowRecord& record) {
    write_shared<NetflowerRules>(flow, pauses, record);
    write_all_lengths(flow, 0, 0, record);
    write_windows(flow, record);
    write_bulks(flow, kSecond, record);
    write_subflows(flow, flow.long_gaps + 1.0, record);
    record.subflow_fwd_pkts = std::floor(record.subflow_fwd_pkts);
    record.subflow_fwd_byts = std::floor(record.subflow_fwd_byts);
    record.subflow_bwd_pkts = std::floor(record.subflow_bwd_pkts);
    record.subflow_bwd_byts = std::floor(record.subflow_bwd_byts);
  }

 private:
  /// Whether the packet is to be added to this flow, or to a new one in its place; false if it is left over.
  template <class Engine>
  static bool continues(Engine& engine, std::uint32_t number, const Packet& packet, RecordBatch& out) {
    const Flow& flow = engine.flow(number);
    if (flow.is(Flow::kClosed)) {
      if (!is_pure_syn(packet) && packet.time - flow.last() <= engine.linger()) {
        engine.count_skip(Skip::leftover);
        return false;
      }
      engine.restart(number, packet, packet.from_high);
    } else if (packet.time - flow.last() > engine.idle_timeout()) {
      engine.print(number, EndReason::idle, out);
      engine.restart(number, packet, packet.from_high);
    } else if (engine.max_duration() != 0 && packet.time - flow.first > engine.max_duration()) {
      engine.print(number, EndReason::active, out);
      engine.restart(number, packet, flow.is(Flow::kForwardFromHigh));
    }
    return true;
  }

  template <class Engine>
  static void end(Engine& engine, std::uint32_t number, const Packet& packet, RecordBatch& out) {
    engine.print(number, EndReason::end_detected, out);
    if (engine.linger() > 0) {
      engine.keep_lingering(number, packet);
    } else {
      engine.remove_printed(number);
    }
  }
};

}  // namespace flowedge
