#include "edge_sums.hpp"

#include <algorithm>
#include <type_traits>

#include "little_endian.hpp"

namespace flowedge {
namespace {

template <class Number>
constexpr const char* code_of() {
  if (std::is_same_v<Number, std::int64_t>) return "<i8";
  switch (sizeof(Number)) {
    case 1:
      return "<u1";
    case 2:
      return "<u2";
    case 4:
      return "<u4";
    default:
      return "<u8";
  }
}

template <class Number>
void append(std::vector<std::uint8_t>& data, Number number) {
  data.resize(data.size() + sizeof number);
  copy_little_endian<sizeof number>(data.data() + data.size() - sizeof number, &number);
}

/// A column of one number an edge.
template <class Edges, class Value>
void add_column(EdgePiece& piece, const char* name, const Edges& edges, Value value) {
  using Number = std::decay_t<decltype(value(edges[0]))>;
  piece.columns.push_back({name, code_of<Number>(), {}, false, {}});
  std::vector<std::uint8_t>& data = piece.columns.back().data;
  data.reserve(edges.size() * sizeof(Number));
  for (const auto& edge : edges) append(data, value(edge));
}

/// A column of a list of numbers an edge.
template <class Edges, class Values>
void add_list_column(EdgePiece& piece, const char* name, const Edges& edges, Values values) {
  using Number = typename decltype(values(edges[0]))::value_type;
  piece.columns.push_back({name, code_of<Number>(), {}, true, {}});
  EdgeColumn& column = piece.columns.back();
  std::uint32_t end = 0;
  append(column.offsets, end);
  for (const auto& edge : edges) {
    for (const Number number : values(edge)) append(column.data, number);
    end = static_cast<std::uint32_t>(column.data.size() / sizeof(Number));
    append(column.offsets, end);
  }
}

std::vector<std::uint8_t> numbers_in(const std::bitset<256>& set) {
  std::vector<std::uint8_t> numbers;
  for (std::size_t number = 0; number < set.size(); ++number) {
    if (set.test(number)) numbers.push_back(static_cast<std::uint8_t>(number));
  }
  return numbers;
}

}  // namespace

EdgeSums::EdgeSums(const WindowOptions& options)
    : is_pair_(options.kind == EdgeKind::pair),
      piece_edges_(options.piece_edges),
      memory_(options.memory / 2),
      hash_(options.hash_seed),
      nodes_(options) {}

std::size_t EdgeSums::octets() const {
  constexpr std::size_t kIndexOctets = 24;  // of an edge
  return sizeof(*this) + nodes_.octets() + sums_.capacity() * (sizeof(Sum) + kIndexOctets) +
         sets_.capacity() * sizeof(Sets) + port_octets_;
}

EdgeSums::Key EdgeSums::key_of(const FlowRecord& record) {
  Key key{};
  key.src = nodes_.number_of(record.src_ip, record.ip_version);
  key.dst = nodes_.number_of(record.dst_ip, record.ip_version);
  if (is_pair_) return key;
  key.server_port = record.dst_port;
  key.protocol = record.protocol;
  return key;
}

std::uint32_t EdgeSums::number_of(const Key& key, const FlowRecord& record) {
  const std::uint32_t hash = hash_(key.src, key.dst, std::uint32_t{key.server_port} << 8 | key.protocol);
  const std::uint32_t known = index_.find(hash, [&](std::uint32_t number) {
    const Key& other = sums_[number].key;
    return other.src == key.src && other.dst == key.dst && other.server_port == key.server_port &&
           other.protocol == key.protocol;
  });
  if (known != FlowIndex::kNone) return known;
  const auto number = static_cast<std::uint32_t>(sums_.size());
  sums_.push_back({key, 0, 0, 0, 0, 0, record.first_ns, record.last_ns});
  if (is_pair_) sets_.emplace_back();
  index_.insert(hash, number);
  return number;
}

void EdgeSums::add(const FlowRecord& record) {
  const std::uint32_t number = number_of(key_of(record), record);
  Sum& sum = sums_[number];
  ++sum.flows;
  sum.fwd_packets += record.tot_fwd_pkts;
  sum.bwd_packets += record.tot_bwd_pkts;
  sum.fwd_bytes += record.totlen_fwd_pkts;
  sum.bwd_bytes += record.totlen_bwd_pkts;
  sum.first_ns = std::min(sum.first_ns, record.first_ns);
  sum.last_ns = std::max(sum.last_ns, record.last_ns);
  if (is_pair_) add_to_sets(sets_[number], record);
}

void EdgeSums::add_to_sets(Sets& sets, const FlowRecord& record) {
  sets.protocols.set(record.protocol);
  const std::size_t before = sets.server_ports.octets();
  sets.server_ports.insert(record.dst_port);
  port_octets_ += sets.server_ports.octets() - before;
}

void EdgeSums::take(EdgePiece& piece) {
  piece.edges = static_cast<std::uint32_t>(sums_.size());
  piece.columns.clear();
  add_column(piece, "src", sums_, [](const Sum& sum) { return sum.key.src; });
  add_column(piece, "dst", sums_, [](const Sum& sum) { return sum.key.dst; });
  add_column(piece, "flow_count", sums_, [](const Sum& sum) { return sum.flows; });
  add_column(piece, "tot_fwd_pkts", sums_, [](const Sum& sum) { return sum.fwd_packets; });
  add_column(piece, "tot_bwd_pkts", sums_, [](const Sum& sum) { return sum.bwd_packets; });
  add_column(piece, "totlen_fwd_pkts", sums_, [](const Sum& sum) { return sum.fwd_bytes; });
  add_column(piece, "totlen_bwd_pkts", sums_, [](const Sum& sum) { return sum.bwd_bytes; });
  add_column(piece, "first_ns", sums_, [](const Sum& sum) { return sum.first_ns; });
  add_column(piece, "last_ns", sums_, [](const Sum& sum) { return sum.last_ns; });
  if (is_pair_) {
    add_sets(piece);
  } else {
    add_column(piece, "protocol", sums_, [](const Sum& sum) { return sum.key.protocol; });
    add_column(piece, "server_port", sums_, [](const Sum& sum) { return sum.key.server_port; });
  }
  piece.nodes = nodes_.take();
  index_ = FlowIndex(0);
  sums_ = {};
  sets_.clear();
  sets_.shrink_to_fit();
  port_octets_ = 0;
}

void EdgeSums::add_sets(EdgePiece& piece) const {
  add_list_column(piece, "protocols", sets_, [](const Sets& sets) { return numbers_in(sets.protocols); });
  add_list_column(piece, "server_ports", sets_, [](const Sets& sets) { return sets.server_ports.listed(); });
  add_column(piece, "server_port_count", sets_,
             [](const Sets& sets) { return static_cast<std::uint32_t>(sets.server_ports.size()); });
}

}  // namespace flowedge
