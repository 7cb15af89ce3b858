#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

namespace flowedge {

/// Closed flows until they are forgotten, in the order in which they were closed. A flow that is taken up again
/// before its time leaves its entry behind: whoever takes an entry asks whether it still holds.
class LingerQueue {
 public:
  struct Entry {
    std::int64_t until;
    std::uint32_t number;
    std::uint32_t hash;
    std::int64_t ticket = 0;  ///< tells the entries of one flow apart
  };

  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  const Entry& oldest() const { return ring_[first_]; }
  /// The one `places` behind the oldest, or the newest if there are not so many. The queue must not be empty.
  const Entry& behind_oldest(std::size_t places) const {
    return ring_[(first_ + (places < size_ ? places : size_ - 1)) & (ring_.size() - 1)];
  }

  void push(const Entry& entry) {
    if (size_ == ring_.size()) grow();
    ring_[(first_ + size_++) & (ring_.size() - 1)] = entry;
  }

  /// Drops the entries for which `keep` is false.
  template <class Keep>
  void keep_if(Keep keep) {
    std::size_t kept = 0;
    for (std::size_t i = 0; i < size_; ++i) {
      const Entry entry = ring_[(first_ + i) & (ring_.size() - 1)];
      if (keep(entry)) ring_[(first_ + kept++) & (ring_.size() - 1)] = entry;
    }
    size_ = kept;
  }

  void pop() {
    first_ = (first_ + 1) & (ring_.size() - 1);
    --size_;
  }

 private:
  void grow() {
    std::vector<Entry> larger(ring_.empty() ? 64 : ring_.size() * 2);
    for (std::size_t i = 0; i < size_; ++i) larger[i] = ring_[(first_ + i) & (ring_.size() - 1)];
    ring_.swap(larger);
    first_ = 0;
  }

  std::vector<Entry> ring_;  ///< its size is a power of two
  std::size_t first_ = 0;
  std::size_t size_ = 0;
};

}  // namespace flowedge
