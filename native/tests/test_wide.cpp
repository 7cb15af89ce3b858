#include <cmath>
#include <limits>
#include <random>

#include "check.hpp"
#include "flowedge/wide.hpp"

using flowedge::multiply;
using flowedge::multiply_by_halves;
using flowedge::sample_variance;
using flowedge::square;
using flowedge::Wide;

namespace {

constexpr std::uint64_t kAllOnes = ~std::uint64_t{0};
constexpr std::int64_t kLongGap = std::int64_t{1} << 62;

struct Sums {
  std::uint32_t n = 0;
  std::int64_t sum = 0;
  Wide squares;

  void add(std::int64_t value) {
    ++n;
    sum += value;
    squares += square(value);
  }
  double variance() const { return sample_variance(n, sum, squares); }
};

template <class Values>
Sums sums_of(const Values& values) {
  Sums sums;
  for (const std::int64_t value : values) sums.add(value);
  return sums;
}

template <class Values>
long double two_pass_variance(const Values& values) {
  long double mean = 0, spread = 0;
  for (const std::int64_t value : values) mean += static_cast<long double>(value);
  mean /= static_cast<long double>(values.size());
  for (const std::int64_t value : values) spread += (static_cast<long double>(value) - mean) * (value - mean);
  return spread / static_cast<long double>(values.size() - 1);
}

bool near(double value, long double expected, long double relative) {
  return std::abs(value - expected) <= relative * std::abs(expected);
}

}  // namespace

TEST(products_of_edge_values) {
  CHECK((multiply_by_halves(kAllOnes, kAllOnes) == Wide{1, kAllOnes - 1}));
  CHECK((multiply_by_halves(kAllOnes, 2) == Wide{kAllOnes - 1, 1}));
  CHECK((multiply_by_halves(std::uint64_t{1} << 32, std::uint64_t{1} << 32) == Wide{0, 1}));
  CHECK((multiply_by_halves(0xffffffff, 0xffffffff) == Wide{0xfffffffe00000001, 0}));
  CHECK((multiply_by_halves(0, kAllOnes) == Wide{0, 0}));
}

TEST(products_by_halves_are_the_products) {
  std::mt19937_64 random(1);
  const std::uint64_t edges[] = {0, 1, 0xffffffff, 0x100000000, 0x80000000, kAllOnes, kAllOnes - 1, kAllOnes >> 1};
  for (const std::uint64_t a : edges) {
    for (const std::uint64_t b : edges) CHECK(multiply_by_halves(a, b) == multiply(a, b));
  }
  for (int i = 0; i < 20000; ++i) {
    const std::uint64_t a = random() >> random() % 64, b = random() >> random() % 64;
    CHECK(multiply_by_halves(a, b) == multiply(a, b));
    CHECK(multiply_by_halves(a, b) == multiply_by_halves(b, a));
  }
}

TEST(sums_carry_and_differences_borrow) {
  Wide value{kAllOnes, 4};
  value += Wide{1, 0};
  CHECK((value == Wide{0, 5}));
  CHECK((value - Wide{1, 0} == Wide{kAllOnes, 4}));
  CHECK((value - value == Wide{0, 0}));
  CHECK((Wide{kAllOnes, 0} < Wide{0, 1}) && !(Wide{0, 1} < Wide{kAllOnes, 0}) && (Wide{1, 1} < Wide{2, 1}));
  CHECK_EQ(flowedge::to_double(Wide{1, 1}), 0x1p64);
  CHECK_EQ(flowedge::to_double(Wide{4096, 1}), 0x1p64 + 4096);
}

TEST(squares_of_negative_numbers) {
  CHECK((square(-3) == Wide{9, 0}));
  CHECK((square(std::numeric_limits<std::int64_t>::min()) == Wide{0, std::uint64_t{1} << 62}));
}

TEST(variance_of_few_values) {
  CHECK_EQ(Sums{}.variance(), 0.0);
  CHECK_EQ(sums_of(std::vector<std::int64_t>{7}).variance(), 0.0);
  CHECK_EQ(sums_of(std::vector<std::int64_t>{1, 2, 4}).variance(), 7.0 / 3);
  CHECK_EQ(sums_of(std::vector<std::int64_t>{-5, 5}).variance(), 50.0);
}

TEST(variance_does_not_cancel) {
  // An hour in nanoseconds, a thousand times, with one of them a nanosecond longer.
  Sums sums;
  for (int i = 0; i < 999; ++i) sums.add(3'600'000'000'000);
  sums.add(3'600'000'000'001);
  CHECK(near(sums.variance(), 1.0L / 1000, 0x1p-52L));
}

TEST(variance_is_that_of_two_passes) {
  std::mt19937_64 random(2);
  for (int round = 0; round < 300; ++round) {
    std::vector<std::int64_t> values(2 + random() % 100);
    const std::uint64_t range = std::uint64_t{1} << (2 + random() % 40);
    for (std::int64_t& value : values) value = static_cast<std::int64_t>(random() % range) - (round % 2) * 1000;
    CHECK(near(sums_of(values).variance(), two_pass_variance(values), 1e-14L));
  }
}

TEST(variance_where_128_bits_do_not_do) {
  const std::vector<std::int64_t> swinging{kLongGap, -kLongGap, kLongGap, -kLongGap};
  CHECK(near(sums_of(swinging).variance(), two_pass_variance(swinging), 1e-14L));
  const std::uint32_t n = 4'000'000'000;
  const std::int64_t sum = std::numeric_limits<std::int64_t>::max();
  CHECK(near(sample_variance(n, sum, Wide{0, 1ULL << 33}), (0x1p97L - 0x1p126L / n) / (n - 1), 1e-14L));
  CHECK(near(sample_variance(3, 0, Wide{kAllOnes, kAllOnes / 3}), 0x1p128L / 6, 1e-14L));  // beyond by a carry
}
