#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "edge_hash.hpp"
#include "flowedge/flow_index.hpp"
#include "flowedge/windows.hpp"
#include "node_table.hpp"
#include "port_set.hpp"

namespace flowedge {

/// An edge the sum of flows: those between two nodes (EdgeKind::pair), or of one protocol and server port between them.
class EdgeSums {
 public:
  explicit EdgeSums(const WindowOptions& options);

  void add(const FlowRecord& record);
  bool full() const { return sums_.size() >= piece_edges_ || octets() > memory_; }
  std::size_t octets() const;
  /// Gives out what there is, and begins anew.
  void take(EdgePiece& piece);

 private:
  struct Key {
    std::uint32_t src;
    std::uint32_t dst;
    std::uint16_t server_port;  ///< this and the next: 0 for EdgeKind::pair
    std::uint8_t protocol;
  };
  struct Sum {
    Key key;
    std::uint64_t flows = 0;
    std::uint64_t fwd_packets = 0;
    std::uint64_t bwd_packets = 0;
    std::uint64_t fwd_bytes = 0;
    std::uint64_t bwd_bytes = 0;
    std::int64_t first_ns;
    std::int64_t last_ns;
  };
  /// What a pair has in place of protocol and server port.
  struct Sets {
    std::bitset<256> protocols;
    PortSet server_ports;
  };

  Key key_of(const FlowRecord& record);
  std::uint32_t number_of(const Key& key, const FlowRecord& record);
  void add_to_sets(Sets& sets, const FlowRecord& record);
  void add_sets(EdgePiece& piece) const;

  bool is_pair_;
  std::uint32_t piece_edges_;
  std::size_t memory_;
  EdgeHash hash_;
  NodeTable nodes_;
  FlowIndex index_{0};
  std::vector<Sum> sums_;
  std::vector<Sets> sets_;       ///< of a pair's sums
  std::size_t port_octets_ = 0;  ///< of these
};

}  // namespace flowedge
