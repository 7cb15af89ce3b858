#pragma once
#include <array>
#include <cstdint>
#include <cstring>

namespace flowedge {

/// An IP address in network order; IPv4 is v4-mapped (RFC 4291, 2.5.5.2), so that there is one key type.
struct Address {
  std::array<std::uint8_t, 16> octets;

  static Address v4(const std::uint8_t* network_order) {
    Address a{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0}};
    std::memcpy(&a.octets[12], network_order, 4);
    return a;
  }
  static Address v6(const std::uint8_t* network_order) {
    Address a;
    std::memcpy(a.octets.data(), network_order, 16);
    return a;
  }
};

}  // namespace flowedge
