#include <algorithm>
#include <deque>
#include <list>
#include <map>
#include <random>

#include "check.hpp"
#include "flowedge/linger_queue.hpp"
#include "flowedge/timing_wheel.hpp"

using flowedge::FlowLinks;
using flowedge::FlowQueue;
using flowedge::LingerQueue;
using flowedge::Slab;
using flowedge::TimingWheel;

namespace {

constexpr std::uint32_t kNone = TimingWheel::kNone;

/// The wheel next to a map from flow to deadline: says when a flow is early, late, lost or there twice.
class CheckedWheel {
 public:
  CheckedWheel(std::int64_t horizon, std::int64_t start) : wheel_(links_, horizon), now_(start) {
    links_.grow();
    wheel_.start(start);
  }

  void set(std::uint32_t flow, std::int64_t deadline) {
    wheel_.set(flow, deadline);
    deadlines_[flow] = std::max(deadline, now_);
  }

  void remove(std::uint32_t flow) {
    wheel_.remove(flow);
    deadlines_.erase(flow);
  }

  /// Returns how many flows fell due.
  std::size_t move(std::int64_t now) {
    now_ = now;
    const bool quiet = now < wheel_.next_tick();
    std::size_t count = 0;
    for (std::uint32_t flow; (flow = wheel_.due(now)) != kNone; ++count) {
      CHECK(has(flow));
      CHECK(deadlines_[flow] < now);
      deadlines_.erase(flow);
    }
    CHECK(!quiet || count == 0);
    for (const auto& [flow, deadline] : deadlines_) CHECK(deadline + wheel_.tick() > now);
    return count;
  }

  bool has(std::uint32_t flow) const { return deadlines_.count(flow) != 0; }
  std::size_t size() const { return deadlines_.size(); }
  std::int64_t now() const { return now_; }
  std::int64_t tick() const { return wheel_.tick(); }
  std::int64_t next_tick() const { return wheel_.next_tick(); }

 private:
  Slab<FlowLinks> links_;
  TimingWheel wheel_;
  std::int64_t now_;
  std::map<std::uint32_t, std::int64_t> deadlines_;
};

std::int64_t random_below(std::mt19937_64& random, std::int64_t bound) {
  return static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(bound));
}

void turn_at_random(std::int64_t horizon, std::int64_t start, unsigned seed) {
  std::mt19937_64 random(seed);
  CheckedWheel wheel(horizon, start);
  for (int step = 0; step < 3000; ++step) {
    const auto flow = static_cast<std::uint32_t>(random() % 200);
    if (wheel.has(flow)) {
      wheel.remove(flow);
    } else {
      wheel.set(flow, wheel.now() + random_below(random, horizon + 1));
    }
    const std::int64_t stride = random() % 50 == 0 ? horizon * 3 + 1 : horizon / 40 + 1;
    if (random() % 3 == 0) wheel.move(wheel.now() + random_below(random, stride));
  }
  wheel.move(wheel.now() + horizon + wheel.tick());
  CHECK_EQ(wheel.size(), 0U);
}

}  // namespace

TEST(flows_fall_due_after_their_deadline_and_at_most_a_tick_late) {
  turn_at_random(120'000'000'000, 1'700'000'000'000'000'000, 1);
  turn_at_random(1'000, 0, 2);
  turn_at_random(std::int64_t{1} << 53, 0, 3);
}

TEST(wheel_turns_through_times_before_1970) {
  turn_at_random(1'000'000, -50'000'000, 4);  // and beyond 0
  turn_at_random(127, -100'000, 5);
  turn_at_random(std::int64_t{1} << 53, -(std::int64_t{1} << 62), 6);
}

TEST(wheel_without_a_horizon) {
  turn_at_random(0, 17, 7);
}

TEST(wheel_survives_the_greatest_leap) {
  const std::int64_t limit = (std::int64_t{1} << 62) - 1;
  for (const std::int64_t horizon : {std::int64_t{0}, std::int64_t{120'000'000'000}}) {
    CheckedWheel wheel(horizon, -limit);
    wheel.set(1, -limit);
    wheel.set(2, -limit + horizon);
    CHECK_EQ(wheel.move(limit), 2U);
    wheel.set(3, limit + horizon);
    CHECK_EQ(wheel.move(limit), 0U);
    CHECK_EQ(wheel.move(limit + horizon + wheel.tick()), 1U);
  }
}

TEST(deadline_in_the_past_is_due_at_the_next_tick) {
  CheckedWheel wheel(1'000, 500'000);
  wheel.set(9, 400'000);
  CHECK_EQ(wheel.move(wheel.next_tick() - 1), 0U);
  CHECK_EQ(wheel.move(wheel.next_tick()), 1U);
}

TEST(deadline_beyond_the_horizon_is_looked_at_early_but_not_at_once) {
  for (std::int64_t ticks = 1; ticks < 600; ++ticks) {
    Slab<FlowLinks> links;
    links.grow();
    TimingWheel wheel(links, 1'000);
    wheel.set(5, ticks * wheel.tick());
    CHECK_EQ(wheel.due(0), kNone);
    CHECK_EQ(wheel.due(ticks * wheel.tick() + wheel.tick()), 5U);
  }
}

TEST(flows_leave_from_anywhere_in_a_list) {
  for (const std::uint32_t leaver : {0U, 1U, 2U}) {
    CheckedWheel wheel(1'000'000, 0);
    for (const std::uint32_t flow : {0U, 1U, 2U}) wheel.set(flow, 500'000);
    wheel.remove(leaver);
    CHECK_EQ(wheel.move(2'000'000), 2U);
  }
}

TEST(queue_keeps_the_order_of_use) {
  Slab<FlowLinks> links;
  links.grow();
  FlowQueue queue(links);
  std::list<std::uint32_t> expected;
  std::minstd_rand random(8);
  for (int step = 0; step < 5000; ++step) {
    const std::uint32_t flow = random() % 30;
    const bool is_in = std::find(expected.begin(), expected.end(), flow) != expected.end();
    if (is_in) queue.remove(flow), expected.remove(flow);
    if (!is_in || random() % 2 == 0) queue.push(flow), expected.push_back(flow);
    CHECK_EQ(queue.oldest(), expected.empty() ? FlowQueue::kNone : expected.front());
  }
}

TEST(linger_queue_grows_and_wraps) {
  LingerQueue queue;
  std::deque<std::uint32_t> expected;
  std::minstd_rand random(9);
  std::uint32_t pushed = 0;
  for (int step = 0; step < 20000; ++step) {
    const bool fills = step / 700 % 2 == 0;
    if (random() % 8 < (fills ? 6 : 2)) {
      queue.push({pushed * std::int64_t{10}, pushed, ~pushed});
      expected.push_back(pushed++);
    } else if (!expected.empty()) {
      queue.pop(), expected.pop_front();
    }
    CHECK_EQ(queue.empty(), expected.empty());
    if (expected.empty()) continue;
    CHECK_EQ(queue.oldest().number, expected.front());
    CHECK_EQ(queue.oldest().until, expected.front() * std::int64_t{10});
    CHECK_EQ(queue.behind_oldest(16).hash, ~expected[std::min<std::size_t>(16, expected.size() - 1)]);
  }
}

TEST(linger_queue_keeps_what_it_is_told_to) {
  flowedge::LingerQueue queue;
  for (std::uint32_t i = 0; i < 100; ++i) queue.push({i, i, 0});
  for (int i = 0; i < 30; ++i) queue.pop();  // so that the ring has gone round
  for (std::uint32_t i = 100; i < 150; ++i) queue.push({i, i, 0});
  queue.keep_if([](const flowedge::LingerQueue::Entry& entry) { return entry.number % 3 == 0; });
  CHECK_EQ(queue.size(), std::size_t{40});
  for (std::uint32_t expected = 30; expected < 150; expected += 3) {
    CHECK_EQ(queue.oldest().number, expected);
    queue.pop();
  }
  CHECK(queue.empty());
}
