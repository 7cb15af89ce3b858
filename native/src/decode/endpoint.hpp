#pragma once
#include <cstdint>
#include <cstring>

#include "bytes.hpp"
#include "flowedge/packet.hpp"

namespace flowedge {

/// Address and port of one side, as integers that compare as the octets do in network order.
struct Endpoint {
  std::uint64_t address_high;
  std::uint64_t address_low;
  std::uint16_t port;

  /// The v4-mapped address of 4 octets (RFC 4291, 2.5.5.2).
  static Endpoint v4(const std::uint8_t* address, std::uint16_t port) {
    return {0, 0xffff'0000'0000U | load_u32<ByteOrder::big>(address), port};
  }
  static Endpoint v6(const std::uint8_t* address, std::uint16_t port) {
    return {load_u64<ByteOrder::big>(address), load_u64<ByteOrder::big>(address + 8), port};
  }
  bool is_v4_mapped() const { return address_high == 0 && address_low >> 32 == 0xffff; }

  Address address() const {
    Address made;
    store_be64(made.octets.data(), address_high);
    store_be64(made.octets.data() + 8, address_low);
    return made;
  }
};

inline bool same_address(const Endpoint& a, const Endpoint& b) {
  return a.address_high == b.address_high && a.address_low == b.address_low;
}

/// By address, then port.
inline bool above(const Endpoint& a, const Endpoint& b) {
  const bool address =
      (a.address_high > b.address_high) | ((a.address_high == b.address_high) & (a.address_low > b.address_low));
  return address | (same_address(a, b) & (a.port > b.port));
}

/// Which side sends is a coin toss to a branch predictor: the two are exchanged without a branch.
inline void swap_if(bool condition, Endpoint& a, Endpoint& b) {
  const std::uint64_t mask = 0 - std::uint64_t{condition};
  const std::uint64_t high = (a.address_high ^ b.address_high) & mask;
  const std::uint64_t low = (a.address_low ^ b.address_low) & mask;
  const auto port = static_cast<std::uint16_t>((a.port ^ b.port) & mask);
  a = {a.address_high ^ high, a.address_low ^ low, static_cast<std::uint16_t>(a.port ^ port)};
  b = {b.address_high ^ high, b.address_low ^ low, static_cast<std::uint16_t>(b.port ^ port)};
}

/// Fills key, from_high and same_address.
inline void set_endpoints(Packet& packet, Endpoint source, Endpoint destination, std::uint8_t ip_version,
                          std::uint8_t protocol) {
  packet.from_high = above(source, destination);
  packet.same_address = same_address(source, destination);
  swap_if(packet.from_high, source, destination);
  packet.key.low = source.address();
  packet.key.high = destination.address();
  packet.key.low_port = source.port;
  packet.key.high_port = destination.port;
  packet.key.protocol = protocol;
  packet.key.ip_version = ip_version;
  std::memset(packet.key.zero, 0, sizeof packet.key.zero);
}

}  // namespace flowedge
