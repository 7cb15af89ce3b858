#pragma once
#include <cstdint>

namespace flowedge {

/// An unsigned 128-bit integer, as much of one as exact sums of squares need. It is made of two words so that
/// 32-bit machines, which have no __int128, compute the same.
struct Wide {
  std::uint64_t low = 0;
  std::uint64_t high = 0;

  friend bool operator<(const Wide& a, const Wide& b) { return a.high != b.high ? a.high < b.high : a.low < b.low; }
  friend bool operator==(const Wide& a, const Wide& b) { return a.high == b.high && a.low == b.low; }
};

/// a * b, from 32-bit halves.
inline Wide multiply_by_halves(std::uint64_t a, std::uint64_t b) {
  const std::uint64_t mask = 0xffffffff;
  const std::uint64_t low = (a & mask) * (b & mask);
  const std::uint64_t middle = (a >> 32) * (b & mask) + (low >> 32);
  const std::uint64_t cross = (a & mask) * (b >> 32) + (middle & mask);
  return {cross << 32 | (low & mask), (a >> 32) * (b >> 32) + (middle >> 32) + (cross >> 32)};
}

inline Wide multiply(std::uint64_t a, std::uint64_t b) {
#ifdef __SIZEOF_INT128__
  __extension__ using Native = unsigned __int128;
  const Native product = static_cast<Native>(a) * b;
  return {static_cast<std::uint64_t>(product), static_cast<std::uint64_t>(product >> 64)};
#else
  return multiply_by_halves(a, b);
#endif
}

/// Wraps at 2^128.
inline Wide& operator+=(Wide& a, const Wide& b) {
  a.low += b.low;
  a.high += b.high + (a.low < b.low ? 1 : 0);
  return a;
}

/// a - b for a >= b.
inline Wide operator-(const Wide& a, const Wide& b) {
  return {a.low - b.low, a.high - b.high - (a.low < b.low ? 1 : 0)};
}

inline std::uint64_t magnitude(std::int64_t value) {
  return value < 0 ? 0 - static_cast<std::uint64_t>(value) : static_cast<std::uint64_t>(value);
}

inline Wide square(std::int64_t value) {
  return multiply(magnitude(value), magnitude(value));
}

/// Nearest double but for one unit in the last place; the same on every machine.
inline double to_double(const Wide& value) {
  return static_cast<double>(value.high) * 0x1p64 + static_cast<double>(value.low);
}

/// Sample variance (n-1) of n whole numbers from their sum and the sum of their squares; 0 for n < 2.
/// Exact up to the last division, unless n * squares exceeds 128 bits (decades of nanoseconds, squared).
double sample_variance(std::uint32_t n, std::int64_t sum, const Wide& squares);

}  // namespace flowedge
