#pragma once
#include <cstddef>
#include <cstdint>

#include "flowedge/address.hpp"

namespace flowedge {

/// Room that write_address() wants: an IPv6 address has up to 39 octets of text. What is left is written over.
inline constexpr std::size_t kMaxAddressText = 40;

/// Writes an address after RFC 5952; returns where the text ends.
char* write_address(char* to, const Address& address, std::uint8_t ip_version);

}  // namespace flowedge
