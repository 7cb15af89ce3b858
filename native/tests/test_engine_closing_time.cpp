#include <cstdint>
#include <random>

#include "check.hpp"
#include "engine_run.hpp"

using namespace flowedge;
using namespace frames;

namespace {

constexpr std::int64_t kIdleTimeout = 10 * kSecond;
constexpr std::int64_t kBegin = 1'700'000'000 * kSecond;
constexpr Mode kModes[] = {Mode::netflower, Mode::cicflowmeter, Mode::engelen, Mode::corrected};
constexpr Mode kWireModes[] = {Mode::netflower, Mode::corrected};
constexpr Endpoint kBystander{0x0a000063, 1234};

EngineOptions options_of(Mode mode) {
  EngineOptions options;
  options.mode = mode;
  options.idle_timeout_ns = kIdleTimeout;
  return options;
}

Octets bystander() {
  return udp_frame(kBystander, kServer);
}

std::int64_t closed_ns(const EngineRun& run, std::size_t record) {
  return run.records().at(record).closed_ns;
}

/// A frame of one of a few endpoints, so that flows go on, end and begin anew.
Octets random_frame(std::mt19937& random) {
  const Endpoint client{0x0a000001, static_cast<std::uint16_t>(1000 + random() % 8)};
  const bool answer = random() % 2 != 0;
  const Endpoint from = answer ? kServer : client;
  const Endpoint to = answer ? client : kServer;
  if (random() % 3 == 0) return udp_frame(from, to, random() % 50);
  constexpr std::uint8_t kFlags[] = {tcp::kSyn, tcp::kAck, tcp::kAck | tcp::kFin, tcp::kRst, tcp::kSyn | tcp::kAck};
  return tcp_frame(from, to, kFlags[random() % 5], random() % 50);
}

/// From microseconds to some idle time-outs.
std::int64_t random_pause(std::mt19937& random) {
  const std::int64_t unit = random() % 4 == 0 ? kSecond : random() % 2 == 0 ? kMillisecond : kMicrosecond;
  return static_cast<std::int64_t>(random() % (random() % 10 == 0 ? 40 : 5)) * unit;
}

}  // namespace

TEST(idle_flow_was_closed_when_its_time_had_passed) {
  for (const Mode mode : kWireModes) {
    EngineRun by_clock(options_of(mode));
    EngineRun by_packet(options_of(mode));
    EngineRun at_end(options_of(mode));
    for (EngineRun* run : {&by_clock, &by_packet, &at_end}) run->send(kBegin, up(tcp::kAck));
    by_clock.advance(kBegin + 100 * kSecond);
    by_packet.send(kBegin + 50 * kSecond, up(tcp::kAck));
    at_end.send(kBegin + kIdleTimeout, bystander());
    at_end.send(kBegin + kIdleTimeout + 2, bystander());
    at_end.send(kBegin + kIdleTimeout + 2, bystander());
    at_end.flush();
    for (EngineRun* run : {&by_clock, &by_packet, &at_end}) CHECK_EQ(closed_ns(*run, 0), kBegin + kIdleTimeout);
  }
}

TEST(ended_connection_was_closed_by_its_last_packet) {
  EngineRun run(options_of(Mode::netflower));
  run.send({{kBegin, up(tcp::kSyn)}, {kBegin + 5, down(tcp::kRst)}});
  CHECK_EQ(closed_ns(run, 0), kBegin + 5);
}

TEST(lingering_connection_was_closed_when_its_time_had_passed) {
  EngineRun by_clock(options_of(Mode::corrected));
  EngineRun by_packet(options_of(Mode::corrected));
  EngineRun by_syn(options_of(Mode::corrected));
  EngineRun at_end(options_of(Mode::corrected));
  for (EngineRun* run : {&by_clock, &by_packet, &by_syn, &at_end}) {
    run->send({{kBegin, up(tcp::kSyn)}, {kBegin + 5, down(tcp::kRst)}, {kBegin + 7, up(tcp::kAck)}});
  }
  by_clock.advance(kBegin + 3 * kSecond);
  by_packet.send(kBegin + 3 * kSecond, up(tcp::kAck));
  by_syn.send(kBegin + 9, up(tcp::kSyn));
  at_end.flush();
  CHECK_EQ(closed_ns(by_clock, 0), kBegin + 5 + kSecond);
  CHECK_EQ(closed_ns(by_packet, 0), kBegin + 5 + kSecond);
  CHECK_EQ(closed_ns(by_syn, 0), kBegin + 9);
  CHECK_EQ(closed_ns(at_end, 0), kBegin + 7);
}

TEST(flow_cut_at_its_longest_duration_was_closed_by_the_packet_that_came_too_late) {
  for (const Mode mode : kModes) {
    EngineOptions options = options_of(mode);
    options.max_duration_ns = 4 * kSecond;
    EngineRun run(options);
    run.send({{kBegin, up(tcp::kAck)}, {kBegin + kSecond, up(tcp::kAck)}, {kBegin + 5 * kSecond, up(tcp::kAck)}});
    CHECK_EQ(closed_ns(run, 0), kBegin + 5 * kSecond);
  }
}

TEST(flow_that_gave_up_its_room_was_closed_by_the_packet_that_needed_it) {
  EngineOptions options = options_of(Mode::netflower);
  options.max_flows = 1;
  EngineRun run(options);
  run.send({{kBegin, up(tcp::kAck)}, {kBegin + 3, bystander()}});
  CHECK_EQ(closed_ns(run, 0), kBegin + 3);
}

TEST(flow_that_is_open_at_the_end_was_closed_where_time_stood) {
  for (const Mode mode : kModes) {
    EngineRun run(options_of(mode));
    run.send({{kBegin, up(tcp::kAck)}, {kBegin + 1000, up(tcp::kAck)}, {kBegin + 9000, bystander()}});
    run.flush();
    CHECK_EQ(closed_ns(run, 0), kBegin + 9000);
  }
}

TEST(nothing_is_settled_before_the_first_packet) {
  for (const Mode mode : kModes) {
    EngineRun run(options_of(mode));
    run.advance(kBegin);
    CHECK(run.engine().settled_ns() == Engine::kNothingSettled);
    CHECK(run.engine().oldest_start_ns() == Engine::kNoFlow);
  }
}

TEST(nothing_is_settled_where_flows_are_held) {
  EngineOptions options = options_of(Mode::netflower);
  options.held_flows = 10;
  EngineRun run(options);
  run.send({{kBegin, up(tcp::kAck)}, {kBegin + 60 * kSecond, bystander()}});
  CHECK(run.engine().settled_ns() == Engine::kNothingSettled);
}

TEST(settled_time_follows_the_clock_within_a_tick) {
  for (const Mode mode : kModes) {
    EngineRun run(options_of(mode));
    run.send(kBegin, up(tcp::kAck));
    run.advance(kBegin + kSecond);
    CHECK(run.engine().settled_ns() >= kBegin + kSecond - 2 * kIdleTimeout / 1024 - kMillisecond);
    CHECK(run.engine().settled_ns() < kBegin + kSecond);
  }
}

TEST(wall_offset_moves_both) {
  for (const Mode mode : kModes) {
    EngineRun run(options_of(mode));
    run.send(kBegin, up(tcp::kAck));
    const std::int64_t before = run.engine().settled_ns();
    run.engine().set_wall_offset(5 * kSecond);
    CHECK_EQ(run.engine().settled_ns(), before + 5 * kSecond);
    CHECK_EQ(run.engine().oldest_start_ns(), kBegin + 5 * kSecond);
    run.flush();
    const std::int64_t offset = 5 * kSecond;
    CHECK(mode == Mode::cicflowmeter || closed_ns(run, 0) == kBegin + offset);
  }
}

TEST(oldest_start_is_that_of_an_open_flow) {
  for (const Mode mode : kModes) {
    EngineRun run(options_of(mode));
    run.send({{kBegin, up(tcp::kSyn)}, {kBegin + 4000, bystander()}});
    CHECK_EQ(run.engine().oldest_start_ns(), kBegin);
    run.send(kBegin + 5000, down(tcp::kRst));
    if (mode == Mode::netflower || mode == Mode::cicflowmeter) CHECK_EQ(run.engine().oldest_start_ns(), kBegin + 4000);
  }
}

/// The promise that windows rest upon.
TEST(no_flow_comes_after_its_time_was_settled) {
  for (const Mode mode : kModes) {
    for (unsigned seed = 0; seed < 100; ++seed) {
      std::mt19937 random(seed);
      EngineOptions options = options_of(mode);
      options.max_duration_ns = seed % 3 == 0 ? 0 : 20 * kSecond;
      options.max_flows = seed % 2 == 0 ? 0 : 5;
      EngineRun run(options, 1 + seed % 4);
      std::int64_t time = kBegin;
      std::size_t looked_at = 0;
      for (int step = 0; step < 300; ++step) {
        const std::int64_t settled = run.engine().settled_ns();
        const std::int64_t first = std::min(run.engine().oldest_start_ns(), settled);
        time += random_pause(random);
        if (step == 299) {
          run.flush();
        } else if (random() % 8 == 0) {
          run.advance(time);
        } else {
          run.send(time, random_frame(random));
        }
        CHECK(run.engine().settled_ns() >= settled);
        for (; looked_at < run.records().size(); ++looked_at) {
          CHECK(closed_ns(run, looked_at) > settled);
          CHECK(run.records()[looked_at].first_ns >= first);
        }
      }
      CHECK(looked_at > 10);
    }
  }
}
