#pragma once
#include "engine_of.hpp"
#include "rules.hpp"

namespace flowedge {

/// The Engelen fork's payload definitions with its remaining defects repaired: time never runs back in a flow, a
/// flow that begins with a SYN-ACK is turned round, and what trails a closed connection belongs to it.
struct CorrectedRules : WireRules {
  struct Extension {
    std::int64_t run_last[2];  ///< last packet of the run at hand, by direction
    std::int64_t closed_at;    ///< when the connection ended
    std::int64_t linger_mark;  ///< its entry in the linger queue
  };

  static Skip decode(const Frame& frame, const DecodeOptions& options, Packet& packet) {
    return decode_wire(frame, options, packet);
  }

  static std::uint32_t length(const Packet& packet) { return packet.payload; }
  static std::int64_t ended_at(const Flow&, const Extension& extension) { return extension.closed_at; }
  static std::int64_t& linger_mark(Flow&, Extension& extension) { return extension.linger_mark; }

  /// A bulk is a run of at least four packets with payload in one direction, with no gap of more than a second and
  /// no payload of the other direction in between. A run that is open when the flow ends counts.
  static void add_bulk(Flow& flow, Extension& extension, const Packet& packet, Direction d) {
    if (packet.payload == 0) return;
    const Direction other = d == kForward ? kBackward : kForward;
    end_run(flow, extension, other);
    if (packet.time - extension.run_last[d] > kSecond) end_run(flow, extension, d);
    extend_run(flow.bulks, d, packet);
    extension.run_last[d] = packet.time;
  }

  template <class Engine>
  static void arrive(Engine& engine, Packet packet, RecordBatch& out) {
    std::uint32_t number = engine.find(packet);
    if (number == Engine::kNone) {
      number = engine.open(packet, source_is_high(packet), out);
    } else {
      packet.time = std::max(packet.time, engine.flow(number).last());
      begin_anew_if_over(engine, number, packet, out);
    }
    const Flow& flow = engine.flow(number);
    if (!engine.add(number, packet, flow.direction_of(packet), out)) return;
    if (ends_connection(flow, packet) && !flow.is(Flow::kClosed)) {
      engine.extension(number).closed_at = packet.time;
      engine.keep_lingering(number, packet);
    }
  }

  static void write(Flow& flow, const Pauses& pauses, const Extension& extension, FlowRecord& record) {
    end_run(flow, extension, kForward);
    end_run(flow, extension, kBackward);
    write_shared<CorrectedRules>(flow, pauses, record);
    write_all_lengths(flow, 0, 0, record);
    write_windows(flow, record);
    write_bulks(flow, kSecond, record);
    write_subflows(flow, flow.long_gaps + 1.0, record);
  }

 private:
  /// A SYN-ACK comes from the server; with both ends the same there is nothing to turn round.
  static bool source_is_high(const Packet& packet) {
    const bool same_end = packet.same_address && packet.key.low_port == packet.key.high_port;
    return packet.from_high != (is_syn_ack(packet) && !same_end);
  }

  static void end_run(Flow& flow, const Extension& extension, Direction d) {
    if (flow.bulks.run_packets[d] >= 4) count_bulk(flow.bulks, d, extension.run_last[d] - flow.bulks.start[d]);
    flow.bulks.run_packets[d] = 0;
  }

  /// Prints the flow and begins another in its place if this packet no longer belongs to it.
  template <class Engine>
  static void begin_anew_if_over(Engine& engine, std::uint32_t number, const Packet& packet, RecordBatch& out) {
    const Flow& flow = engine.flow(number);
    const std::int64_t since_closed = packet.time - engine.extension(number).closed_at;
    if (flow.is(Flow::kClosed) && (since_closed > engine.linger() || is_pure_syn(packet))) {
      engine.print(number, EndReason::end_detected, out);
      engine.restart(number, packet, source_is_high(packet));
    } else if (packet.time - flow.last() > engine.idle_timeout()) {
      engine.print(number, EndReason::idle, out);
      engine.restart(number, packet, source_is_high(packet));
    } else if (engine.max_duration() != 0 && packet.time - flow.first > engine.max_duration()) {
      engine.print(number, EndReason::active, out);
      engine.restart(number, packet, flow.is(Flow::kForwardFromHigh));
    }
  }
};

}  // namespace flowedge
