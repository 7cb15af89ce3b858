#pragma once
#include <sys/uio.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "flowedge/slab.hpp"

namespace flowedge {

/// Octets of many owners, each owner's in order, in one stretch of memory that never grows: chains of chunks.
class OctetChains {
 public:
  /// What an owner keeps. Plain data; all zero is an empty chain.
  struct Chain {
    std::uint32_t first;  ///< number of a chunk
    std::uint32_t last;
    std::uint64_t size;  ///< octets
  };

  /// An empty pool has room for one chain of `octets`.
  explicit OctetChains(std::size_t octets)
      : free_chunks_(std::min<std::size_t>(chunks_of(octets), UINT32_MAX - 1)),
        pages_((free_chunks_ + 1) * sizeof(Chunk)),
        chunks_(static_cast<Chunk*>(pages_.data())) {}

  bool has_room(const Chain& chain, std::size_t octets) const {
    return chunks_of(chain.size + octets) - chunks_of(chain.size) <= free_chunks_;
  }

  /// There must be room.
  void append(Chain& chain, const void* octets, std::size_t size) {
    const auto* from = static_cast<const std::uint8_t*>(octets);
    while (size > 0) {
      const std::size_t used = chain.size % Chunk::kRoom;
      if (used == 0) add_chunk(chain);
      const std::size_t part = std::min(size, Chunk::kRoom - used);
      std::memcpy(chunks_[chain.last].octets + used, from, part);
      chain.size += part;
      from += part;
      size -= part;
    }
  }

  void clear(Chain& chain) {
    if (chain.size == 0) return;
    chunks_[chain.last].next = free_;
    free_ = chain.first;
    free_chunks_ += chunks_of(chain.size);
    chain = {};
  }

  /// Where a chain's octets are, for writev().
  void locate(const Chain& chain, std::vector<iovec>& pieces) const {
    pieces.clear();
    std::uint64_t left = chain.size;
    for (std::uint32_t number = chain.first; left > 0; number = chunks_[number].next) {
      const std::size_t size = std::min<std::uint64_t>(left, Chunk::kRoom);
      pieces.push_back({chunks_[number].octets, size});
      left -= size;
    }
  }

 private:
  /// A small packet's worth must not take much more room than it has octets: there may be one chunk a flow.
  struct Chunk {
    static constexpr std::size_t kRoom = 508;
    std::uint32_t next;
    std::uint8_t octets[kRoom];
  };

  static std::size_t chunks_of(std::uint64_t octets) { return (octets + Chunk::kRoom - 1) / Chunk::kRoom; }

  void add_chunk(Chain& chain) {
    const std::uint32_t number = take_chunk();
    (chain.size == 0 ? chain.first : chunks_[chain.last].next) = number;
    chain.last = number;
  }

  std::uint32_t take_chunk() {
    --free_chunks_;
    if (free_ == kNone) return ++used_once_;
    const std::uint32_t number = free_;
    free_ = chunks_[number].next;
    return number;
  }

  static constexpr std::uint32_t kNone = 0;  ///< no chunk has this number
  std::size_t free_chunks_;
  Pages pages_;
  Chunk* chunks_;
  std::uint32_t free_ = kNone;   ///< a chain of those that were given back
  std::uint32_t used_once_ = 0;  ///< those above have never been used: their memory is not there yet
};

}  // namespace flowedge
