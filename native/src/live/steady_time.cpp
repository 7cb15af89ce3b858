#include "flowedge/steady_time.hpp"

#include <ctime>

namespace flowedge {

namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kMicrosecond = 1'000;

std::int64_t read(clockid_t clock) {
  timespec time;
  clock_gettime(clock, &time);
  return static_cast<std::int64_t>(time.tv_sec) * kSecond + time.tv_nsec;
}

std::int64_t distance(std::int64_t a, std::int64_t b) {
  return a < b ? b - a : a - b;
}

}  // namespace

/// Both clocks at one moment: were the process put aside between the readings, it would look as if a clock had been
/// set.
HostTime host_time() {
  constexpr std::int64_t kOneMoment = kSecond / 100;
  constexpr int kAttempts = 10;
  HostTime now{};
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    now.steady = read(CLOCK_BOOTTIME);
    now.wall = read(CLOCK_REALTIME);
    if (read(CLOCK_BOOTTIME) - now.steady < kOneMoment) break;
  }
  return now;
}

SteadyTime::SteadyTime(HostClock clock, bool follow) : clock_(clock), follow_(follow), last_(clock()) {
  previous_ = last_.wall;
}

HostTime SteadyTime::look() {
  const HostTime now = clock_();
  const std::int64_t change = (now.wall - now.steady) - (last_.wall - last_.steady);
  last_ = now;
  if (follow_ && distance(change, 0) >= kStep) {
    offset_before_ = offset_;
    offset_ += change - change % kMicrosecond;  // so that rounding to microseconds has the same result on both sides
  }
  return now;
}

/// Only a stamp that is far from the one before, too, is a reason to ask the clock: one who is seconds behind with
/// reading would otherwise ask for each frame.
std::int64_t SteadyTime::of_distant(std::int64_t stamp) {
  if (distance(stamp, previous_) > kStep) look();
  previous_ = stamp;
  const std::int64_t wall_before = last_.wall - (offset_ - offset_before_);  // as if it had not been set
  return stamp - (distance(stamp, wall_before) < distance(stamp, last_.wall) ? offset_before_ : offset_);
}

}  // namespace flowedge
