#pragma once
#include <cstddef>
#include <cstdint>

namespace flowedge {

// Loads and stores by the octet: right for any alignment and byte order; compilers make one instruction of each.

inline std::uint16_t load_be16(const std::uint8_t* from) {
  return static_cast<std::uint16_t>(from[0] << 8 | from[1]);
}

inline std::uint32_t load_be32(const std::uint8_t* from) {
  return std::uint32_t{from[0]} << 24 | std::uint32_t{from[1]} << 16 | std::uint32_t{from[2]} << 8 | from[3];
}

inline std::uint64_t load_be64(const std::uint8_t* from) {
  return std::uint64_t{load_be32(from)} << 32 | load_be32(from + 4);
}

inline std::uint16_t load_le16(const std::uint8_t* from) {
  return static_cast<std::uint16_t>(from[1] << 8 | from[0]);
}

inline std::uint32_t load_le32(const std::uint8_t* from) {
  return std::uint32_t{load_le16(from + 2)} << 16 | load_le16(from);
}

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
  std::uint16_t be16(std::size_t offset) const { return load_be16(data + offset); }
  std::uint32_t be32(std::size_t offset) const { return load_be32(data + offset); }

  /// What is left after `count` octets: nothing, if there are not that many.
  Octets after(std::size_t count) const {
    const std::size_t taken = count < size ? count : size;
    return {data + taken, size - taken};
  }
  /// At most the first `count` octets.
  Octets first(std::size_t count) const { return {data, count < size ? count : size}; }
};

}  // namespace flowedge
