#pragma once
#include <bitset>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace flowedge {

/// A set of ports, most often of a few.
class PortSet {
 public:
  static constexpr std::size_t kListed = 1024;

  void insert(std::uint16_t port);
  std::size_t size() const { return many_ ? many_->count() : few_.size(); }
  /// The lowest kListed of them, in order.
  std::vector<std::uint16_t> listed() const;
  std::size_t octets() const { return few_.capacity() * sizeof(std::uint16_t) + (many_ ? sizeof(Bits) : 0); }

 private:
  using Bits = std::bitset<65536>;

  std::vector<std::uint16_t> few_;  ///< in order; up to kListed
  std::unique_ptr<Bits> many_;      ///< all of them, once there are more
};

}  // namespace flowedge
