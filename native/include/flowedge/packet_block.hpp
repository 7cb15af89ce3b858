#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "flowedge/packet.hpp"
#include "flowedge/skip.hpp"

namespace flowedge {

/// Decoded packets on their way to the flows. One thread may fill a block while another brings the block before
/// to its flows.
struct PacketBlock {
  explicit PacketBlock(std::size_t room) : packets(room) {}

  bool full() const { return size == packets.size(); }

  void clear() {
    size = next = 0;
    skipped = {};
  }

  std::vector<Packet> packets;
  std::size_t size = 0;
  std::size_t next = 0;                               ///< the first that has not reached its flow
  std::array<std::uint64_t, kSkipReasons> skipped{};  ///< frames that made no packet, by Skip; moved to the counters
};

}  // namespace flowedge
