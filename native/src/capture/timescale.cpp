#include "timescale.hpp"

#include "flowedge/frame.hpp"

namespace flowedge {
namespace {

constexpr std::uint64_t kNsPerSecond = 1'000'000'000;
constexpr unsigned kNsDigits = 9;
constexpr unsigned kMaxPower = 19;  // 10^19 is the last power of ten below 2^64
constexpr std::uint8_t kBinary = 0x80;
constexpr std::uint64_t kMaxSeconds = 9'223'372'035;  // with any fraction still within 63 bits of nanoseconds
constexpr std::int64_t kDirectLimit = std::int64_t{1} << 62;

struct Instant {
  std::uint64_t seconds;
  std::uint64_t nanoseconds;  // below one second
};

constexpr std::uint64_t power_of_ten(unsigned exponent) {
  std::uint64_t power = 1;
  while (exponent-- > 0) power *= 10;
  return power;
}

Instant from_decimal(std::uint64_t units, unsigned digits) {
  const std::uint64_t seconds = digits <= kMaxPower ? units / power_of_ten(digits) : 0;
  const std::uint64_t rest = digits <= kMaxPower ? units % power_of_ten(digits) : units;
  if (digits <= kNsDigits) return {seconds, rest * power_of_ten(kNsDigits - digits)};
  const unsigned surplus = digits - kNsDigits;
  return {seconds, surplus <= kMaxPower ? rest / power_of_ten(surplus) : 0};
}

Instant from_binary(std::uint64_t units, unsigned bits) {
  const std::uint64_t seconds = bits < 64 ? units >> bits : 0;
  const std::uint64_t rest = bits < 64 ? units - (seconds << bits) : units;
  // rest * 10^9 has up to 94 bits: it is held as high * 2^32 + (the low 32 bits of `low`).
  const std::uint64_t low = (rest & 0xffffffff) * kNsPerSecond;
  if (bits <= 32) return {seconds, low >> bits};
  const std::uint64_t high = (rest >> 32) * kNsPerSecond + (low >> 32);
  return {seconds, bits - 32 < 64 ? high >> (bits - 32) : 0};
}

}  // namespace

Timescale::Timescale(std::uint8_t resolution, std::int64_t offset_seconds)
    : offset_seconds_(offset_seconds), resolution_(resolution) {
  const std::int64_t limit_seconds = kDirectLimit / static_cast<std::int64_t>(kNsPerSecond);
  if (resolution > kNsDigits || offset_seconds > limit_seconds || offset_seconds < -limit_seconds) return;
  ns_per_unit_ = power_of_ten(kNsDigits - resolution);
  offset_ns_ = offset_seconds * static_cast<std::int64_t>(kNsPerSecond);
  direct_below_ = static_cast<std::uint64_t>(kDirectLimit) / ns_per_unit_;
}

std::int64_t Timescale::exact_nanoseconds(std::uint64_t units) const {
  const unsigned exponent = resolution_ & ~kBinary;
  const Instant instant = resolution_ & kBinary ? from_binary(units, exponent) : from_decimal(units, exponent);
  // Modulo 2^64, so that a large count and a large negative offset may cancel.
  const std::uint64_t sum = instant.seconds + static_cast<std::uint64_t>(offset_seconds_);
  const bool negative = offset_seconds_ < 0 && sum >= instant.seconds;
  if (offset_seconds_ >= 0 && sum < instant.seconds) return kNoTime;
  const std::uint64_t distance = negative ? 0 - sum : sum;
  if (distance > kMaxSeconds) return kNoTime;
  const std::int64_t whole = static_cast<std::int64_t>(distance * kNsPerSecond);
  return (negative ? -whole : whole) + static_cast<std::int64_t>(instant.nanoseconds);
}

}  // namespace flowedge
