#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "edge_hash.hpp"
#include "flowedge/address.hpp"
#include "flowedge/flow_index.hpp"
#include "flowedge/windows.hpp"

namespace flowedge {

/// The nodes of a piece, numbered in the order in which they come.
class NodeTable {
 public:
  explicit NodeTable(const WindowOptions& options);

  /// The number of the node that an address belongs to.
  std::uint32_t number_of(const Address& address, std::uint8_t ip_version);

  std::vector<EdgeNode> take();
  std::size_t octets() const { return sizeof(*this) + kFirstOctets + nodes_.size() * kOctetsOfNode; }

 private:
  static constexpr std::size_t kFirstOctets = 8192;                        // of the index
  static constexpr std::size_t kOctetsOfNode = 2 * sizeof(EdgeNode) + 24;  // vector and index, each half full

  EdgeNode node_of(const Address& address, std::uint8_t ip_version) const;

  EdgeHash hash_;
  std::uint8_t v4_prefix_;
  std::uint8_t v6_prefix_;
  FlowIndex index_{0};
  std::vector<EdgeNode> nodes_;
};

}  // namespace flowedge
