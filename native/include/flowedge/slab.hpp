#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

namespace flowedge {

/// Zeroed pages from the system, huge ones where that is a gain: a large table otherwise spends its time on
/// misses of the translation buffer. Throws std::bad_alloc.
class Pages {
 public:
  /// `keep_small`: octets at the beginning that stay in small pages, so that a small table stays small.
  Pages(std::size_t octets, std::size_t keep_small);
  Pages(Pages&& other) noexcept;
  Pages& operator=(Pages&& other) noexcept;
  ~Pages();

  void* data() const { return data_; }

 private:
  void* mapping_ = nullptr;
  std::size_t mapped_ = 0;
  void* data_ = nullptr;
};

/// An array of T that grows without moving, zeroed when new, addressed by index. Grown a chunk at a time; memory
/// is used only where it is touched.
template <class T>
class Slab {
 public:
  static constexpr unsigned kChunkBits = 15;
  static constexpr std::size_t kChunk = std::size_t{1} << kChunkBits;

  T& operator[](std::uint32_t index) { return chunk_data_[index >> kChunkBits][index & (kChunk - 1)]; }
  const T& operator[](std::uint32_t index) const { return chunk_data_[index >> kChunkBits][index & (kChunk - 1)]; }

  std::size_t capacity() const { return chunks_.size() * kChunk; }

  void grow() {
    const bool first = chunks_.empty();
    chunks_.reserve(chunks_.size() + 1);
    chunk_data_.reserve(chunk_data_.size() + 1);
    chunks_.emplace_back(kChunk * sizeof(T), first ? kSmallStart : 0);
    chunk_data_.push_back(static_cast<T*>(chunks_.back().data()));
  }

 private:
  static constexpr std::size_t kSmallStart = std::size_t{4} << 20;
  std::vector<Pages> chunks_;
  std::vector<T*> chunk_data_;
};

}  // namespace flowedge
