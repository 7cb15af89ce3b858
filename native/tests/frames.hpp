#pragma once
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

/// Frames for tests, layer by layer: ethernet(0x0800, ipv4(6, segment(payload))).
namespace frames {

using Octets = std::vector<std::uint8_t>;

inline Octets operator+(Octets left, const Octets& right) {
  left.insert(left.end(), right.begin(), right.end());
  return left;
}

/// Octets from hexadecimal digits; blanks between them are ignored.
inline Octets hex(const std::string& text) {
  Octets octets;
  std::string digits;
  for (const char c : text) {
    if (c != ' ') digits += c;
    if (digits.size() < 2) continue;
    octets.push_back(static_cast<std::uint8_t>(std::strtoul(digits.c_str(), nullptr, 16)));
    digits.clear();
  }
  return octets;
}

inline Octets first(std::size_t count, const Octets& octets) {
  return Octets(octets.begin(), octets.begin() + static_cast<std::ptrdiff_t>(count));
}

inline Octets be16(std::size_t value) {
  return {static_cast<std::uint8_t>(value >> 8), static_cast<std::uint8_t>(value)};
}

inline Octets zeros(std::size_t count) {
  return Octets(count, 0);
}

inline Octets ethernet(std::uint16_t type, const Octets& payload) {
  return hex("020000000001 020000000002") + be16(type) + payload;
}

inline Octets vlan(std::uint16_t control, std::uint16_t inner_type, const Octets& payload) {
  return be16(control) + be16(inner_type) + payload;
}

/// From 10.0.0.1 to 192.168.0.2; `options` a multiple of 4 octets.
inline Octets ipv4(std::uint8_t protocol, const Octets& payload, const Octets& options = {}) {
  const std::size_t header = 20 + options.size();
  return Octets{static_cast<std::uint8_t>(0x40 | header / 4), 0} + be16(header + payload.size()) + hex("0001 0000 40") +
         Octets{protocol} + hex("0000 0a000001 c0a80002") + options + payload;
}

/// From 2001:db8::1 to 2001:db8::2.
inline Octets ipv6(std::uint8_t protocol, const Octets& payload) {
  return hex("60000000") + be16(payload.size()) + Octets{protocol} +
         hex("40 20010db8000000000000000000000001 20010db8000000000000000000000002") + payload;
}

/// From port 40000 to port 443; sequence 0x01020304, acknowledgement 0x05060708, window 0x7210.
inline Octets segment(const Octets& payload, std::uint8_t flags = 0x18, const Octets& options = {}) {
  return hex("9c40 01bb 01020304 05060708") + Octets{static_cast<std::uint8_t>((20 + options.size()) / 4 << 4), flags} +
         hex("7210 0000 0000") + options + payload;
}

inline Octets datagram(std::uint16_t source_port, std::uint16_t destination_port, const Octets& payload) {
  return be16(source_port) + be16(destination_port) + be16(8 + payload.size()) + be16(0) + payload;
}

}  // namespace frames
