#include "check.hpp"
#include "flow_frames.hpp"
#include "flowedge/steady_time.hpp"

using flowedge::HostTime;
using flowedge::SteadyTime;
using frames::kMicrosecond;
using frames::kMillisecond;
using frames::kSecond;

namespace {

constexpr std::int64_t kHour = 3600 * kSecond;
constexpr std::int64_t kBegin = 1'700'000'000 * kSecond;

/// The host's clocks, in the hands of the test.
struct Host {
  HostTime now{kBegin, 5 * kSecond};
  int asked = 0;

  void pass(std::int64_t time) { now.wall += time, now.steady += time; }
  void set(std::int64_t change) { now.wall += change; }
};
Host host;

HostTime ask_host() {
  ++host.asked;
  return host.now;
}

SteadyTime begin(bool follow = true) {
  host = Host{};
  return {ask_host, follow};
}

/// The steady time of a frame that the host stamps now, counted from the beginning.
std::int64_t stamped_now(SteadyTime& time) {
  return time.of(host.now.wall) - kBegin;
}

}  // namespace

TEST(stamps_stay_as_they_are_while_nobody_sets_the_clock) {
  SteadyTime time = begin();
  for (int i = 0; i < 100; ++i) {
    host.pass(kHour);
    time.look();
    CHECK_EQ(stamped_now(time), host.now.steady - 5 * kSecond);
  }
  CHECK_EQ(time.offset(), 0);
}

TEST(time_goes_on_when_the_clock_is_set) {
  for (const std::int64_t step : {kHour, -kHour, 2 * kSecond, -2 * kSecond, 20 * 365 * 24 * kHour}) {
    SteadyTime time = begin();
    host.pass(kSecond);
    time.look();
    host.set(step);
    host.pass(kSecond);
    time.look();
    CHECK_EQ(stamped_now(time), 2 * kSecond);
    CHECK_EQ(time.offset(), step);
    CHECK_EQ(time.of(host.now.wall) + time.offset(), host.now.wall);
  }
}

TEST(steps_add_up) {
  SteadyTime time = begin();
  for (const std::int64_t step : {kHour, -3 * kHour, 7 * kSecond}) {
    host.set(step);
    host.pass(kSecond);
    time.look();
  }
  CHECK_EQ(stamped_now(time), 3 * kSecond);
  CHECK_EQ(time.offset(), 7 * kSecond - 2 * kHour);
}

TEST(frames_stamped_before_the_step_belong_to_the_time_before) {
  for (const std::int64_t step : {kHour, -kHour}) {
    SteadyTime time = begin();
    host.pass(10 * kSecond);
    time.look();
    const std::int64_t waiting = host.now.wall;
    host.pass(200 * kMillisecond);
    host.set(step);
    host.pass(100 * kMillisecond);
    time.look();
    for (int i = 0; i < 3; ++i) CHECK_EQ(time.of(waiting + i) - kBegin, 10 * kSecond + i);
    CHECK_EQ(stamped_now(time), 10 * kSecond + 300 * kMillisecond);
  }
}

TEST(frames_stamped_between_two_steps_belong_to_the_time_between) {
  SteadyTime time = begin();
  host.set(-kHour);
  time.look();
  const std::int64_t waiting = host.now.wall;
  host.set(5 * kHour);
  host.pass(100 * kMillisecond);
  time.look();
  CHECK_EQ(time.of(waiting) - kBegin, 0);
  CHECK_EQ(stamped_now(time), 100 * kMillisecond);
}

TEST(a_step_between_two_frames_of_one_take_is_noticed) {
  for (const std::int64_t step : {kHour, -kHour}) {
    SteadyTime time = begin();
    host.pass(10 * kSecond);
    time.look();
    CHECK_EQ(stamped_now(time), 10 * kSecond);
    host.set(step);
    host.pass(kMillisecond);
    CHECK_EQ(stamped_now(time), 10 * kSecond + kMillisecond);
    CHECK_EQ(time.offset(), step);
  }
}

TEST(small_changes_are_no_steps) {
  SteadyTime time = begin();
  for (int i = 0; i < 1000; ++i) {  // as the clock is slewed
    host.pass(100 * kMillisecond);
    host.set(50 * kMicrosecond);
    time.look();
  }
  CHECK_EQ(time.offset(), 0);
  CHECK_EQ(stamped_now(time), host.now.wall - kBegin);
}

TEST(a_leap_second_is_a_step) {
  SteadyTime time = begin();
  host.pass(10 * kSecond);
  time.look();
  const std::int64_t waiting = host.now.wall;
  host.set(-kSecond);
  host.pass(100 * kMillisecond);
  time.look();
  CHECK_EQ(time.offset(), -kSecond);
  CHECK_EQ(time.of(waiting) - kBegin, 10 * kSecond);
  CHECK_EQ(stamped_now(time), 10 * kSecond + 100 * kMillisecond);
}

TEST(one_who_is_behind_with_reading_sees_no_step_and_does_not_ask_for_each_frame) {
  SteadyTime time = begin();
  host.pass(10 * kSecond);
  time.look();
  const int asked = host.asked;
  for (int i = 0; i < 1000; ++i) {
    const std::int64_t age = 2 * kSecond - i * kMillisecond;
    CHECK_EQ(time.of(host.now.wall - age) - kBegin, 10 * kSecond - age);
  }
  CHECK(host.asked <= asked + 1);
}

TEST(a_step_long_ago_does_not_mislead_one_who_is_behind) {
  for (const std::int64_t step : {kSecond, -kSecond}) {
    SteadyTime time = begin();
    host.set(step);
    time.look();
    CHECK_EQ(stamped_now(time), 0);
    host.pass(10 * kSecond);
    time.look();
    const std::int64_t age = 3 * kSecond;
    CHECK_EQ(time.of(host.now.wall - age) - kBegin, 10 * kSecond - age);
    CHECK_EQ(time.of(host.now.wall + 600 * kMillisecond) - kBegin, 10 * kSecond + 600 * kMillisecond);
  }
}

TEST(stamps_of_others_than_the_host_are_taken_as_they_are) {
  SteadyTime time = begin(false);
  host.set(kHour);
  time.look();
  for (const std::int64_t stamp : {kBegin, kBegin + 5 * kHour, std::int64_t{0}, INT64_MIN, INT64_MAX}) {
    CHECK_EQ(time.of(stamp), stamp);
  }
  CHECK_EQ(time.offset(), 0);
}

TEST(the_offset_is_in_whole_microseconds) {
  SteadyTime time = begin();
  host.set(kHour + 123'456'789);
  time.look();
  CHECK_EQ(time.offset(), kHour + 123'456'000);
  host.set(-kHour - 1);
  time.look();
  CHECK_EQ(time.offset() % kMicrosecond, 0);
}

TEST(the_host_has_two_clocks) {
  const HostTime before = flowedge::host_time();
  const HostTime after = flowedge::host_time();
  CHECK(before.wall > kBegin && after.steady >= before.steady && before.steady > 0);
}
