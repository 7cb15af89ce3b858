#pragma once
#include <cstdint>

namespace flowedge {

/// What the host's clocks say at one moment, in nanoseconds.
struct HostTime {
  std::int64_t wall;    ///< since 1970; whoever sets the clock makes it jump
  std::int64_t steady;  ///< since some moment; never set, and goes on while the host sleeps
};
using HostClock = HostTime (*)();

/// CLOCK_REALTIME and CLOCK_BOOTTIME.
HostTime host_time();

/// Makes of time stamps, of a clock that may be set while packets come, times that go on as if it had not been.
///
/// That the clock was set shows in the difference between the two clocks of the host. Frames that were stamped before
/// may still wait in the kernel's buffer; each belongs to the time that its stamp is nearer to, until a frame stamped
/// after has come.
class SteadyTime {
 public:
  /// `follow`: whether the stamps are the host's; those of a network adapter, or of a file, are taken as they are.
  SteadyTime(HostClock clock, bool follow);

  /// Looks at the clocks; to be called before frames are taken, and now and then while none come.
  HostTime look();

  /// The steady time of a stamp.
  std::int64_t of(std::int64_t stamp) {
    if (!follow_) return stamp;
    const std::int64_t ahead = stamp - last_.wall;
    if (ahead > kStep || ahead < -kStep) return of_distant(stamp);
    previous_ = stamp;
    offset_before_ = offset_;
    return stamp - offset_;
  }

  /// What is to be added to a steady time to have the time of day: by how much the clock was set since the beginning,
  /// in whole microseconds.
  std::int64_t offset() const { return offset_; }

 private:
  static constexpr std::int64_t kStep = 500'000'000;  ///< less is no step: time-outs do not mind
  std::int64_t of_distant(std::int64_t stamp);

  HostClock clock_;
  bool follow_;
  HostTime last_;
  std::int64_t previous_;  ///< stamp of the frame before
  std::int64_t offset_ = 0;
  std::int64_t offset_before_ = 0;  ///< the last step, for frames stamped before it
};

}  // namespace flowedge
