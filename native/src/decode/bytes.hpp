#pragma once
#include <cstddef>
#include <cstdint>

#include "flowedge/byte_order.hpp"

namespace flowedge {

inline void store_be32(std::uint8_t* into, std::uint32_t value) {
  into[0] = static_cast<std::uint8_t>(value >> 24);
  into[1] = static_cast<std::uint8_t>(value >> 16);
  into[2] = static_cast<std::uint8_t>(value >> 8);
  into[3] = static_cast<std::uint8_t>(value);
}

inline void store_be64(std::uint8_t* into, std::uint64_t value) {
  store_be32(into, static_cast<std::uint32_t>(value >> 32));
  store_be32(into + 4, static_cast<std::uint32_t>(value));
}

/// A view of octets that knows its end. Ask has() before reading; after() never leaves the view.
struct Octets {
  const std::uint8_t* data;
  std::size_t size;

  bool has(std::size_t count) const { return size >= count; }
  std::uint8_t operator[](std::size_t offset) const { return data[offset]; }
  std::uint16_t be16(std::size_t offset) const { return load_u16<ByteOrder::big>(data + offset); }
  std::uint32_t be32(std::size_t offset) const { return load_u32<ByteOrder::big>(data + offset); }

  /// What is left after `count` octets: nothing, if there are not that many.
  Octets after(std::size_t count) const {
    const std::size_t taken = count < size ? count : size;
    return {data + taken, size - taken};
  }
  /// At most the first `count` octets.
  Octets first(std::size_t count) const { return {data, count < size ? count : size}; }
};

}  // namespace flowedge
