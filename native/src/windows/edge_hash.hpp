#pragma once
#include <cstdint>

#include "flowedge/wide.hpp"

namespace flowedge {

/// A keyed hash of a few words, by folded multiplication. The seed keeps senders from choosing addresses that collide.
class EdgeHash {
 public:
  explicit EdgeHash(const std::uint64_t (&seed)[2]) : first_(seed[0] ^ kMixA), second_(seed[1] ^ kMixB) {}

  std::uint32_t operator()(std::uint64_t a, std::uint64_t b, std::uint64_t c) const {
    const std::uint64_t hash = fold(a ^ first_, b ^ second_);
    return static_cast<std::uint32_t>(fold(c ^ hash, first_ ^ kMixB));
  }

 private:
  static constexpr std::uint64_t kMixA = 0x9e3779b97f4a7c15;  // as in FlowHash
  static constexpr std::uint64_t kMixB = 0xbb67ae8584caa73b;

  static std::uint64_t fold(std::uint64_t a, std::uint64_t b) {
    const Wide product = multiply(a, b);
    return product.low ^ product.high;
  }

  std::uint64_t first_;
  std::uint64_t second_;
};

}  // namespace flowedge
