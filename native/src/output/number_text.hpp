#pragma once
#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

/// Numbers as text, written through a raw pointer: each function returns where its text ends.
namespace flowedge {

/// No number's text is longer: "-2.2250738585072014e-308", as std::to_chars writes it.
inline constexpr std::size_t kMaxNumberText = 24;

/// "00" to "99", one after the other.
inline constexpr auto kDigitPairs = [] {
  std::array<char, 200> pairs{};
  for (std::size_t i = 0; i < 100; ++i) {
    pairs[2 * i] = static_cast<char>('0' + i / 10);
    pairs[2 * i + 1] = static_cast<char>('0' + i % 10);
  }
  return pairs;
}();

/// Two digits, with a leading zero; `value` < 100.
inline char* write_two_digits(char* to, unsigned value) {
  std::memcpy(to, &kDigitPairs[2 * value], 2);
  return to + 2;
}

/// Three digits, with leading zeros; `value` < 1000.
inline char* write_three_digits(char* to, unsigned value) {
  *to = static_cast<char>('0' + value / 100);
  return write_two_digits(to + 1, value % 100);
}

/// Nine digits, with leading zeros; `value` < 1e9.
inline char* write_nine_digits(char* to, std::uint32_t value) {
  to = write_three_digits(to, value / 1'000'000);
  to = write_three_digits(to, value / 1000 % 1000);
  return write_three_digits(to, value % 1000);
}

template <class Integer>
char* write_number(char* to, Integer value) {
  static_assert(std::is_integral_v<Integer>);
  if (value >= 0 && value < 10) {
    *to = static_cast<char>('0' + value);
    return to + 1;
  }
  return std::to_chars(to, to + kMaxNumberText, value).ptr;
}

/// A whole number of billionths, without trailing zeros.
inline char* write_billionths(char* to, std::int64_t billionths) {
  constexpr std::uint32_t kBillion = 1'000'000'000;
  std::uint64_t magnitude = static_cast<std::uint64_t>(billionths);
  if (billionths < 0) {
    magnitude = 0 - magnitude;
    *to++ = '-';
  }
  to = write_number(to, magnitude / kBillion);
  *to++ = '.';
  to = write_nine_digits(to, static_cast<std::uint32_t>(magnitude % kBillion));
  while (to[-1] == '0') --to;
  return to[-1] == '.' ? to - 1 : to;
}

/// The words of the Java tools, which pandas and numpy read.
inline char* write_not_finite(char* to, double value) {
  const char* word = std::isnan(value) ? "NaN" : value < 0 ? "-Infinity" : "Infinity";
  const std::size_t length = std::strlen(word);
  std::memcpy(to, word, length);
  return to + length;
}

/// The fewest digits that read back to the same double: those of std::to_chars, but without an exponent
/// wherever 15 digits or a whole number of billionths (of a second: nanoseconds) are the whole truth.
///
/// Decimals of up to 15 digits are doubles of their own. So once an integer of that length, or its quotient by
/// 1e9, is seen to be `value`, its digits are the shortest, and no search for them (the dear part) is needed.
/// Minus zero is written "0".
inline char* write_number(char* to, double value) {
  constexpr double kDigits15 = 1e15;
  if (value == 0) {
    *to = '0';
    return to + 1;
  }
  const double magnitude = std::fabs(value);
  if (magnitude < kDigits15) {
    const auto whole = static_cast<std::int64_t>(value);
    if (static_cast<double>(whole) == value) return write_number(to, whole);
    if (magnitude * 1e9 < kDigits15) {
      const auto billionths = static_cast<std::int64_t>(value * 1e9 + (value < 0 ? -0.5 : 0.5));
      if (static_cast<double>(billionths) / 1e9 == value) return write_billionths(to, billionths);
    }
  } else if (!std::isfinite(value)) {
    return write_not_finite(to, value);
  }
  return std::to_chars(to, to + kMaxNumberText, value).ptr;
}

}  // namespace flowedge
