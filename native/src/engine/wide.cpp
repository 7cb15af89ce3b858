#include "flowedge/wide.hpp"

namespace flowedge {
namespace {

/// factor * value; false if it does not fit.
bool scale(const Wide& value, std::uint32_t factor, Wide& product) {
  const Wide high = multiply(value.high, factor);
  product = multiply(value.low, factor);
  product += Wide{0, high.low};
  return high.high == 0 && product.high >= high.low;
}

}  // namespace

double sample_variance(std::uint32_t n, std::int64_t sum, const Wide& squares) {
  if (n < 2) return 0;
  const double divisor = static_cast<double>(n) * static_cast<double>(n - 1);
  Wide scaled;
  if (scale(squares, n, scaled)) return to_double(scaled - square(sum)) / divisor;
  const double mean = static_cast<double>(sum) / n;
  const double spread = to_double(squares) - mean * static_cast<double>(sum);
  return spread / (n - 1);
}

}  // namespace flowedge
