#pragma once
#include <cstdint>

namespace flowedge {

/// Byte order of a file, which need not be the machine's.
enum class ByteOrder : std::uint8_t { little, big };

// Compilers make one load (and one swap, where needed) of each; none needs alignment.

template <ByteOrder order>
std::uint16_t load_u16(const std::uint8_t* at) {
  return static_cast<std::uint16_t>(order == ByteOrder::little ? at[0] | at[1] << 8 : at[0] << 8 | at[1]);
}

template <ByteOrder order>
std::uint32_t load_u32(const std::uint8_t* at) {
  const std::uint32_t a = at[0], b = at[1], c = at[2], d = at[3];
  return order == ByteOrder::little ? a | b << 8 | c << 16 | d << 24 : a << 24 | b << 16 | c << 8 | d;
}

template <ByteOrder order>
std::uint64_t load_u64(const std::uint8_t* at) {
  const std::uint64_t first = load_u32<order>(at), second = load_u32<order>(at + 4);
  return order == ByteOrder::little ? first | second << 32 : first << 32 | second;
}

}  // namespace flowedge
