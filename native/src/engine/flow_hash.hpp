#pragma once
#include <cstdint>
#include <cstring>

#include "flowedge/packet.hpp"
#include "flowedge/wide.hpp"

namespace flowedge {

/// A keyed hash of the flow key, by folded multiplication. The seed keeps senders from choosing keys that collide.
class FlowHash {
 public:
  explicit FlowHash(const std::uint64_t (&seed)[2]) : first_(seed[0] ^ kMixA), second_(seed[1] ^ kMixB) {}

  std::uint32_t operator()(const FlowKey& key) const {
    std::uint64_t words[5];
    std::memcpy(words, &key, sizeof words);
    std::uint64_t hash = fold(words[0] ^ first_, words[1] ^ second_);
    hash = fold(words[2] ^ hash, words[3] ^ second_);
    return static_cast<std::uint32_t>(fold(words[4] ^ hash, first_ ^ kMixB));
  }

 private:
  static constexpr std::uint64_t kMixA = 0x9e3779b97f4a7c15;  // digits of the golden ratio and of sqrt(3): no
  static constexpr std::uint64_t kMixB = 0xbb67ae8584caa73b;  // structure that a key could share

  static std::uint64_t fold(std::uint64_t a, std::uint64_t b) {
    const Wide product = multiply(a, b);
    return product.low ^ product.high;
  }

  std::uint64_t first_;
  std::uint64_t second_;
};

}  // namespace flowedge
