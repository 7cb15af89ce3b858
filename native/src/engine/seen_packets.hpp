#pragma once
#include <cstdint>
#include <vector>

#include "flowedge/packet.hpp"
#include "flowedge/wide.hpp"

namespace flowedge {

/// The TCP packets of a connection, as far as the Engelen fork looks at them to call one a retransmission: an open
/// hash set that grows with the connection.
class SeenPackets {
 public:
  /// False if the same packet has been seen before.
  bool add(const Packet& packet) {
    if (entries_.empty()) seed_ = (packet.hash + std::uint64_t{1}) * 0x9e3779b97f4a7c15;
    if (entries_.empty() || used_ >= entries_.size() / 4 * 3) grow();
    return insert(entries_, entry_of(packet));
  }

 private:
  struct Entry {
    std::uint64_t numbers = 0;  ///< sequence and acknowledgement
    std::uint64_t rest = 0;     ///< a mark (so that no entry is 0), sender, payload length, window
  };

  static Entry entry_of(const Packet& packet) {
    const std::uint64_t sender = packet.from_high && !packet.same_address ? 1 : 0;
    const auto window = static_cast<std::uint16_t>(packet.window);
    return {std::uint64_t{packet.sequence} << 32 | packet.acknowledgement,
            std::uint64_t{1} << 63 | sender << 62 | std::uint64_t{packet.payload} << 16 | window};
  }

  std::uint64_t mix(const Entry& entry) const {
    const Wide product = multiply(entry.numbers ^ seed_, entry.rest ^ (seed_ * 0xd6e8feb86659fd93));
    return product.low ^ product.high;
  }

  bool insert(std::vector<Entry>& entries, const Entry& entry) {
    const std::size_t mask = entries.size() - 1;
    std::size_t i = mix(entry) & mask;
    for (; entries[i].rest != 0; i = (i + 1) & mask) {
      if (entries[i].numbers == entry.numbers && entries[i].rest == entry.rest) return false;
    }
    entries[i] = entry;
    ++used_;
    return true;
  }

  void grow() {
    std::vector<Entry> larger(entries_.empty() ? 16 : entries_.size() * 2);
    used_ = 0;
    for (const Entry& entry : entries_) {
      if (entry.rest != 0) insert(larger, entry);
    }
    entries_.swap(larger);
  }

  std::uint64_t seed_ = 0;  ///< from the flow's keyed hash: senders cannot choose packets that collide
  std::vector<Entry> entries_;
  std::size_t used_ = 0;
};

}  // namespace flowedge
