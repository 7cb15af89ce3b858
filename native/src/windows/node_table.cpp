#include "node_table.hpp"

#include <cstring>
#include <utility>

namespace flowedge {
namespace {

constexpr std::uint8_t kV4Octets = 4;
constexpr std::uint8_t kV6Octets = 16;

void clear_beyond(EdgeNode& node, unsigned prefix) {
  const unsigned whole = prefix / 8;
  if (whole >= node.size) return;
  node.octets[whole] = static_cast<std::uint8_t>(node.octets[whole] & (0xff00U >> prefix % 8));
  std::memset(node.octets + whole + 1, 0, node.size - whole - 1U);
}

bool same(const EdgeNode& a, const EdgeNode& b) {
  return std::memcmp(&a, &b, sizeof a) == 0;
}

}  // namespace

NodeTable::NodeTable(const WindowOptions& options)
    : hash_(options.hash_seed), v4_prefix_(options.v4_prefix), v6_prefix_(options.v6_prefix) {}

EdgeNode NodeTable::node_of(const Address& address, std::uint8_t ip_version) const {
  EdgeNode node{};
  node.size = ip_version == 4 ? kV4Octets : kV6Octets;
  std::memcpy(node.octets, address.octets.data() + address.octets.size() - node.size, node.size);
  clear_beyond(node, ip_version == 4 ? v4_prefix_ : v6_prefix_);
  return node;
}

std::uint32_t NodeTable::number_of(const Address& address, std::uint8_t ip_version) {
  const EdgeNode node = node_of(address, ip_version);
  std::uint64_t words[2];
  std::memcpy(words, node.octets, sizeof words);
  const std::uint32_t hash = hash_(words[0], words[1], node.size);
  const std::uint32_t known = index_.find(hash, [&](std::uint32_t number) { return same(nodes_[number], node); });
  if (known != FlowIndex::kNone) return known;
  const auto number = static_cast<std::uint32_t>(nodes_.size());
  nodes_.push_back(node);
  index_.insert(hash, number);
  return number;
}

std::vector<EdgeNode> NodeTable::take() {
  index_ = FlowIndex(0);
  return std::exchange(nodes_, {});
}

}  // namespace flowedge
