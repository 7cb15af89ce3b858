#pragma once
#include <cstdint>

namespace flowedge {

/// What the time stamps of a pcapng interface count (its options if_tsresol and if_tsoffset).
class Timescale {
 public:
  static constexpr std::uint8_t kMicroseconds = 6;

  /// `resolution` as if_tsresol has it: a unit of 10^-n seconds, or of 2^-n seconds with the top bit set.
  explicit Timescale(std::uint8_t resolution = kMicroseconds, std::int64_t offset_seconds = 0);

  /// Nanoseconds since 1970, rounded down; kNoTime beyond 9223372035 s before or after (years 1677 and 2262).
  std::int64_t nanoseconds(std::uint64_t units) const {
    if (units < direct_below_) return static_cast<std::int64_t>(units * ns_per_unit_) + offset_ns_;
    return exact_nanoseconds(units);
  }

 private:
  std::int64_t exact_nanoseconds(std::uint64_t units) const;

  std::uint64_t direct_below_ = 0;  ///< below it one multiplication is exact and cannot overflow
  std::uint64_t ns_per_unit_ = 0;
  std::int64_t offset_ns_ = 0;
  std::int64_t offset_seconds_;
  std::uint8_t resolution_;
};

}  // namespace flowedge
