#include <random>

#include "../src/engine/rules_corrected.hpp"
#include "../src/engine/rules_netflower.hpp"
#include "check.hpp"
#include "engine_run.hpp"

using namespace flowedge;
using namespace frames;

namespace {

constexpr Mode kModes[] = {Mode::netflower, Mode::cicflowmeter, Mode::engelen, Mode::corrected};
constexpr Mode kWireModes[] = {Mode::netflower, Mode::corrected};
constexpr std::int64_t kTimeLimit = std::int64_t{1} << 62;
constexpr std::uint16_t kBusy = 99;

EngineOptions options_of(Mode mode, std::uint32_t max_flows = 0) {
  EngineOptions options;
  options.mode = mode;
  options.max_flows = max_flows;
  return options;
}

Endpoint sender(std::uint32_t number) {
  return {0x0a000000 + number, static_cast<std::uint16_t>(number)};
}

/// A packet of the flow with this number.
Octets packet_of(std::uint32_t number, std::uint8_t flags = tcp::kAck) {
  return tcp_frame(sender(number), kServer, flags);
}

bool ended(const FlowRecord& record, EndReason reason) {
  return record.end_reason == static_cast<std::uint8_t>(reason);
}

std::uint32_t packets_of(const FlowRecord& record) {
  return record.tot_fwd_pkts + record.tot_bwd_pkts;
}

std::uint8_t random_flags(std::mt19937& random) {
  constexpr std::uint8_t kFlags[] = {
      tcp::kSyn, tcp::kSyn | tcp::kAck, tcp::kAck, tcp::kAck | tcp::kPsh, tcp::kFin | tcp::kAck, tcp::kRst, tcp::kAck,
      0xff};
  return kFlags[random() % 8];
}

std::int64_t random_step(std::mt19937& random) {
  const auto random64 = static_cast<std::int64_t>(random());
  switch (random() % 16) {
    case 0:
      return 100 * kSecond + random64 * 10;
    case 1:
      return -random64;
    case 2:
      return 0;
    default:
      return random64 / 8;
  }
}

/// Packets of a few flows, TCP and UDP, both ways, at times that mostly grow.
Trace random_trace(unsigned seed, int packets) {
  std::mt19937 random(seed);
  Trace trace;
  std::int64_t now = 1'700'000'000 * kSecond;
  for (int i = 0; i < packets; ++i) {
    now += random_step(random);
    Endpoint from = sender(1 + random() % 12), to = kServer;
    if (random() % 2 == 0) std::swap(from, to);
    const std::size_t payload = random() % 3 == 0 ? 0 : random() % 100;
    trace.push_back(
        {now, random() % 4 == 0 ? udp_frame(from, to, payload) : tcp_frame(from, to, random_flags(random), payload)});
  }
  return trace;
}

/// Decodes frames from the given one on until the block is full; returns how many.
std::size_t decode_into(const Engine& engine, const Trace& trace, std::size_t first, PacketBlock& block) {
  std::size_t taken = 0;
  for (; first + taken < trace.size(); ++taken) {
    const Frame frame = view(trace[first + taken]);
    if (engine.decode(&frame, 1, block) == 0) break;
  }
  return taken;
}

/// The number of packets in its flows so small that a test can reach it.
template <class Rules>
struct ThreePackets : Rules {
  static constexpr std::uint32_t kMaxPackets = 3;
};

}  // namespace

// --- max_flows -------------------------------------------------------------------------------------------------------

TEST(full_table_gives_up_the_least_recently_used_flow) {
  for (const Mode mode : {Mode::netflower, Mode::engelen, Mode::corrected}) {
    EngineRun run(options_of(mode, 3));
    run.send({{0, packet_of(1)}, {1, packet_of(2)}, {2, packet_of(3)}, {3, packet_of(1)}});
    CHECK_EQ(run.records().size(), 0U);
    run.send(4, packet_of(4));
    CHECK_EQ(run.records().size(), 1U);
    CHECK_EQ(run.records()[0].src_port, 2);
    CHECK(ended(run.records()[0], EndReason::no_resources));
    CHECK_EQ(run.counters().evicted, 1U);
    CHECK_EQ(run.engine().open_flows(), 3U);
  }
}

TEST(flow_that_still_sends_survives_a_flood) {
  constexpr std::uint32_t kFlood = 5000, kRoom = 100;
  for (const Mode mode : kModes) {
    Trace trace;
    for (std::uint32_t i = 0; i < kFlood; ++i) {
      trace.push_back({i * kMillisecond, packet_of(1000 + i, tcp::kSyn)});
      if (i % 50 == 0) trace.push_back({i * kMillisecond, packet_of(kBusy)});
    }
    EngineRun run(options_of(mode, kRoom));
    run.send(trace);
    CHECK_EQ(run.engine().open_flows(), kRoom);
    run.flush();
    CHECK_EQ(run.counters().evicted, kFlood + 1 - kRoom);
    CHECK_EQ(run.records().size(), mode == Mode::cicflowmeter ? 1U : kFlood + 1);
    for (const FlowRecord& record : run.records()) CHECK_EQ(packets_of(record), record.src_port == kBusy ? 100U : 1U);
  }
}

TEST(flow_that_only_lingers_goes_first) {
  for (const Mode mode : kWireModes) {
    EngineRun run(options_of(mode, 2));
    run.send({{0, packet_of(1)}, {1, packet_of(2, tcp::kRst)}, {2, packet_of(3)}});
    CHECK_EQ(run.counters().evicted, 0U);
    CHECK_EQ(run.records().size(), 1U);
    CHECK(ended(run.records()[0], EndReason::end_detected));
    CHECK_EQ(run.records()[0].src_port, 2);
    run.send(3, packet_of(4));
    CHECK_EQ(run.counters().evicted, 1U);
    CHECK_EQ(run.records()[1].src_port, 1);
    CHECK_EQ(run.engine().open_flows(), 2U);
  }
}

TEST(reopened_flow_does_not_linger_any_more) {
  for (const Mode mode : kWireModes) {
    EngineRun run(options_of(mode, 2));
    run.send({{0, packet_of(1, tcp::kRst)}, {1, packet_of(1, tcp::kSyn)}, {2, packet_of(2)}, {3, packet_of(3)}});
    CHECK_EQ(run.counters().evicted, 1U);
    CHECK(ended(run.records()[1], EndReason::no_resources));
    CHECK_EQ(run.records()[1].first_ns, 1);
  }
}

TEST(table_of_one_flow) {
  for (const Mode mode : kModes) {
    EngineRun run(options_of(mode, 1), 1);
    run.send(random_trace(1, 2000));
    CHECK(run.engine().open_flows() <= 1);
    run.flush();
    CHECK_EQ(run.counters().flows, run.records().size());
    CHECK(run.always_balanced());
  }
}

// --- other limits ----------------------------------------------------------------------------------------------------

TEST(flow_is_closed_before_its_counters_are_full) {
  EngineRun run(std::make_unique<EngineOf<ThreePackets<NetflowerRules>>>(EngineOptions{}));
  for (int i = 0; i < 7; ++i) run.send(i, packet_of(1));
  CHECK_EQ(run.records().size(), 2U);
  for (const FlowRecord& record : run.records()) {
    CHECK_EQ(packets_of(record), 3U);
    CHECK(ended(record, EndReason::forced));
  }
  run.flush();
  CHECK_EQ(packets_of(run.records()[2]), 1U);
}

TEST(closed_flow_whose_counters_are_full_is_closed_once) {
  EngineRun run(std::make_unique<EngineOf<ThreePackets<CorrectedRules>>>(EngineOptions{}));
  run.send({{0, packet_of(1, tcp::kRst)}, {1, packet_of(1)}, {2, packet_of(1)}});
  CHECK_EQ(run.records().size(), 1U);
  for (int i = 1; i < 10; ++i) run.send(i * kSecond, udp_frame(sender(2), kServer));
  run.flush();
  CHECK_EQ(run.records().size(), 4U);  // the datagrams: 3 + 3 + 3
  CHECK_EQ(run.engine().open_flows(), 0U);
}

TEST(hundreds_of_thousands_of_flows) {
  constexpr std::uint32_t kFlows = 300'000;
  EngineOptions options;
  const auto engine = Engine::make(options);
  Octets octets = udp_frame(sender(1), kServer);
  const auto size = static_cast<std::uint32_t>(octets.size());
  RecordBatch out(1);
  for (std::uint32_t i = 0; i < 2 * kFlows; ++i) {
    for (unsigned octet = 0; octet < 4; ++octet) {  // of the source address
      octets[29 - octet] = static_cast<std::uint8_t>(i % kFlows >> 8 * octet);
    }
    const Frame frame{octets.data(), kSecond + i, size, size, 1};
    CHECK_EQ(engine->process(&frame, 1, out), 1U);
  }
  CHECK_EQ(engine->open_flows(), kFlows);
  std::uint64_t records = 0;
  for (bool done = false; !done;) {
    RecordBatch batch(4096);
    done = engine->flush(batch);
    records += batch.size();
    for (std::size_t i = 0; i < batch.size(); ++i) CHECK_EQ(packets_of(batch.data()[i]), 2U);
  }
  CHECK_EQ(records, kFlows);
  CHECK_EQ(engine->open_flows(), 0U);
}

TEST(times_at_the_limit) {
  const std::int64_t last = kTimeLimit - 1;
  for (const Mode mode : kModes) {
    EngineRun run(options_of(mode));
    run.send({{-last, packet_of(1)}, {-last + 3 * kSecond, packet_of(1)}, {last, packet_of(1)}, {last, packet_of(1)}});
    run.send({{-last, packet_of(1)}, {last, packet_of(1, tcp::kRst)}, {-last, packet_of(1, tcp::kSyn)}});
    run.flush();
    CHECK_EQ(run.skipped(Skip::untimed), 0U);
    const std::int64_t fraction = mode == Mode::cicflowmeter || mode == Mode::engelen ? kMicrosecond : 1;
    CHECK_EQ(run.records()[0].first_ns % fraction, 0);
    CHECK(run.records()[0].first_ns <= -last && run.records()[0].first_ns > -last - fraction);
    CHECK_EQ(packets_of(run.records()[0]), 2U);
  }
}

TEST(frames_without_a_usable_time) {
  for (const Mode mode : kModes) {
    EngineRun run(options_of(mode));
    run.send({{kNoTime, packet_of(1)},
              {-kTimeLimit, packet_of(1)},
              {kTimeLimit, packet_of(1)},
              {std::numeric_limits<std::int64_t>::max(), packet_of(1)}});
    CHECK_EQ(run.skipped(Skip::untimed), 4U);
    CHECK_EQ(run.engine().open_flows(), 0U);
  }
}

TEST(sums_of_times_do_not_overflow) {
  // Time leaps to and fro: each turn adds a pause and a bulk of much of the time there is, as long as a mode can take.
  for (const Mode mode : kModes) {
    const bool seconds = time_unit(mode) == TimeUnit::seconds;
    const std::int64_t span = seconds ? kTimeLimit / 8 : kTimeLimit - 1;
    EngineOptions options = options_of(mode);
    options.idle_timeout_ns = options.max_duration_ns = std::numeric_limits<std::int64_t>::max();
    Trace trace;
    for (int packet = 0; packet < (seconds ? 600 : 9000); ++packet) {
      trace.push_back({packet % 6 < 3 ? span : -span, up(tcp::kAck, packet % 6 == 5 ? 0 : 10)});
    }
    CHECK_EQ(records_of(options, trace).size(), 1U);
  }
}

// --- what output does not depend on ----------------------------------------------------------------------------------

TEST(batch_size_and_hash_seed_change_no_record) {
  for (const Mode mode : kModes) {
    for (const std::uint32_t max_flows : {0U, 5U}) {
      EngineOptions options = options_of(mode, max_flows);
      const Trace trace = random_trace(17 + max_flows, 3000);
      const auto expected = records_of(options, trace, 100'000);
      CHECK(expected.size() > 100);
      for (const std::size_t wanted : {1U, 2U, 3U, 7U, 16U, 17U, 64U}) {
        options.hash_seed[0] += 0x9e3779b97f4a7c15;
        options.hash_seed[1] += wanted;
        CHECK(same_records(records_of(options, trace, wanted), expected));
      }
    }
  }
}

TEST(number_of_frames_a_call_changes_no_record) {
  for (const Mode mode : kModes) {
    const Trace trace = random_trace(5, 3000);
    EngineRun one_by_one(options_of(mode));
    for (const TimedFrame& frame : trace) one_by_one.send(frame.time_ns, frame.octets);
    one_by_one.flush();
    CHECK(same_records(one_by_one.records(), records_of(options_of(mode), trace)));
  }
}

TEST(blocks_decoded_ahead_change_no_record) {
  for (const Mode mode : kModes) {
    const Trace trace = random_trace(7, 3000);
    const auto engine = Engine::make(options_of(mode));
    std::vector<FlowRecord> records;
    PacketBlock block(50);
    for (std::size_t taken = 0; taken < trace.size(); block.clear()) {
      taken += decode_into(*engine, trace, taken, block);
      for (bool done = false; !done;) {
        RecordBatch out(1);
        done = engine->process(block, out);
        records.insert(records.end(), out.data(), out.data() + out.size());
      }
    }
    RecordBatch out(1000);
    CHECK(engine->flush(out));
    records.insert(records.end(), out.data(), out.data() + out.size());
    CHECK_EQ(engine->counters().packets, trace.size());
    CHECK(same_records(records, records_of(options_of(mode), trace)));
  }
}

TEST(every_packet_is_accounted_for_between_any_two_calls) {
  for (const Mode mode : kModes) {
    for (const std::size_t wanted : {1U, 5U, 1000U}) {
      EngineRun run(options_of(mode, 6), wanted);
      run.send(random_trace(6, 3000));
      run.engine().skip(Skip::filtered);
      run.flush();
      CHECK(run.always_balanced());
      CHECK_EQ(run.counters().packets, 3001U);
      CHECK_EQ(run.skipped(Skip::filtered), 1U);
      CHECK_EQ(run.counters().flows, run.records().size());
      std::uint64_t in_records = 0;
      for (const FlowRecord& record : run.records()) in_records += packets_of(record);
      CHECK_EQ(in_records, run.counters().in_flows);
      CHECK_EQ(run.engine().open_flows(), 0U);
    }
  }
}

TEST(records_come_in_the_order_of_closing) {
  EngineRun run(options_of(Mode::netflower));
  run.send({{0, packet_of(1)}, {1, packet_of(2)}, {2, packet_of(3)}, {3, packet_of(4)}});
  run.send({{4, packet_of(3, tcp::kRst)}, {5, packet_of(1, tcp::kRst)}});
  run.flush();
  const std::uint16_t expected[] = {3, 1, 2, 4};
  CHECK_EQ(run.records().size(), 4U);
  for (std::size_t i = 0; i < 4; ++i) CHECK_EQ(run.records()[i].src_port, expected[i]);
}
