#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

namespace flowedge {

/// Zeroed memory from the system, used only where it is touched.
class Pages {
 public:
  /// Throws std::bad_alloc.
  explicit Pages(std::size_t octets);
  Pages(Pages&& other) noexcept;
  Pages& operator=(Pages&& other) noexcept;
  ~Pages();

  void* data() const { return data_; }

 private:
  void* data_;
  std::size_t octets_;
};

/// An array of T that grows without moving, zeroed when new, addressed by index. Grown a chunk at a time.
template <class T>
class Slab {
 public:
  static constexpr unsigned kChunkBits = 15;
  static constexpr std::size_t kChunk = std::size_t{1} << kChunkBits;

  T& operator[](std::uint32_t index) { return chunk_data_[index >> kChunkBits][index & (kChunk - 1)]; }
  const T& operator[](std::uint32_t index) const { return chunk_data_[index >> kChunkBits][index & (kChunk - 1)]; }

  std::size_t capacity() const { return chunks_.size() * kChunk; }

  void grow() {
    chunks_.reserve(chunks_.size() + 1);
    chunk_data_.reserve(chunk_data_.size() + 1);
    chunks_.emplace_back(kChunk * sizeof(T));
    chunk_data_.push_back(static_cast<T*>(chunks_.back().data()));
  }

 private:
  std::vector<Pages> chunks_;
  std::vector<T*> chunk_data_;
};

}  // namespace flowedge
