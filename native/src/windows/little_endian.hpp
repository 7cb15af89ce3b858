#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace flowedge {

/// Copies a number of `kOctets` octets from this machine's order to little-endian.
template <std::size_t kOctets>
void copy_little_endian(std::uint8_t* to, const void* from) {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
  std::memcpy(to, from, kOctets);
#else
  const auto* octets = static_cast<const std::uint8_t*>(from);
  for (std::size_t i = 0; i < kOctets; ++i) to[i] = octets[kOctets - 1 - i];
#endif
}

}  // namespace flowedge
