#include <algorithm>
#include <cstring>
#include <limits>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "../src/windows/edge_hash.hpp"
#include "check.hpp"
#include "flowedge/windows.hpp"

using namespace flowedge;

namespace {

constexpr std::int64_t kWindow = 1000;

WindowOptions options_of(EdgeKind kind) {
  WindowOptions options;
  options.window_ns = kWindow;
  options.kind = kind;
  options.hash_seed[0] = 17;
  return options;
}

FlowRecord flow(std::int64_t closed_ns, std::uint8_t source = 1, std::uint16_t server_port = 53) {
  FlowRecord record{};
  const std::uint8_t from[] = {10, 0, 0, source};
  const std::uint8_t to[] = {10, 0, 1, 2};
  record.src_ip = Address::v4(from);
  record.dst_ip = Address::v4(to);
  record.ip_version = 4;
  record.protocol = 17;
  record.dst_port = server_port;
  record.tot_fwd_pkts = 2;
  record.totlen_bwd_pkts = std::uint64_t{1} << 40;
  record.closed_ns = closed_ns;
  record.first_ns = closed_ns - 3 * kWindow;
  record.last_ns = closed_ns - 1;
  return record;
}

/// Windows, and every piece that they have given out.
class Run {
 public:
  explicit Run(const WindowOptions& options) : windows_(Windows::make(options)) {}

  void add(const FlowRecord& record) {
    windows_->add(&record, 1);
    take();
  }
  void settle(std::int64_t time_ns) {
    windows_->settle(time_ns);
    take();
  }
  void finish() {
    windows_->finish();
    take();
  }

  const std::vector<EdgePiece>& pieces() const { return pieces_; }
  std::uint64_t late() const { return windows_->late(); }

  /// "window:edges" of each piece, "." after a window's last.
  std::string told() const {
    std::string text;
    for (const EdgePiece& piece : pieces_) {
      text += std::to_string(piece.window) + ":" + std::to_string(piece.edges) + (piece.last ? ". " : " ");
    }
    return text;
  }

 private:
  void take() {
    EdgePiece piece;
    while (windows_->next(piece)) pieces_.push_back(piece);
  }

  std::unique_ptr<Windows> windows_;
  std::vector<EdgePiece> pieces_;
};

template <class Number>
std::vector<Number> numbers(const EdgePiece& piece, const std::string& name) {
  for (const EdgeColumn& column : piece.columns) {
    if (name != column.name) continue;
    std::vector<Number> values(column.data.size() / sizeof(Number));
    if (!values.empty()) std::memcpy(values.data(), column.data.data(), column.data.size());
    return values;
  }
  check::fail(__FILE__, __LINE__, "no column " + name);
}

}  // namespace

TEST(flow_belongs_to_the_window_in_which_it_was_closed) {
  Run run(options_of(EdgeKind::flow));
  for (const std::int64_t closed : {4999, 5000, 5999, 6000, 4000}) run.add(flow(closed));
  run.settle(5998);
  CHECK_EQ(run.told(), std::string("4:2. "));
  run.settle(5999);
  CHECK_EQ(run.told(), std::string("4:2. 5:2. "));
  run.finish();
  run.finish();
  CHECK_EQ(run.told(), std::string("4:2. 5:2. 6:1. "));
}

TEST(windows_before_1970_are_windows) {
  Run run(options_of(EdgeKind::flow));
  for (const std::int64_t closed : {-1, -1000, -1001, 0}) run.add(flow(closed));
  run.finish();
  CHECK_EQ(run.told(), std::string("-2:1. -1:2. 0:1. "));
}

TEST(windows_without_flows_are_told_and_long_runs_of_them_are_not) {
  Run run(options_of(EdgeKind::pair));
  run.settle(2999);
  CHECK_EQ(run.told(), std::string(""));
  run.settle(4999);
  CHECK_EQ(run.told(), std::string("3:0. 4:0. "));
  run.add(flow(10'006'500));
  run.settle(10'006'999);
  CHECK_EQ(run.told(), std::string("3:0. 4:0. 10006:1. "));
  run.settle(10'006'999 + Windows::kLongestRun * kWindow);
  CHECK_EQ(run.pieces().size(), 3U + std::size_t{Windows::kLongestRun});
}

TEST(flow_that_comes_too_late_goes_into_the_oldest_window_that_has_not_ended) {
  Run run(options_of(EdgeKind::flow));
  run.add(flow(1500));
  run.settle(4999);
  run.add(flow(4999));
  run.add(flow(5000));
  CHECK_EQ(run.late(), 1U);
  run.finish();
  CHECK_EQ(run.told(), std::string("1:1. 2:0. 3:0. 4:0. 5:2. "));
}

TEST(flow_that_came_before_anything_was_settled_is_not_late) {
  Run run(options_of(EdgeKind::flow));
  run.add(flow(7000));
  run.add(flow(3000));
  run.settle(3999);
  CHECK_EQ(run.told(), std::string("3:1. "));
  CHECK_EQ(run.late(), 0U);
}

TEST(by_start_a_flow_belongs_to_the_window_of_its_first_packet) {
  WindowOptions options = options_of(EdgeKind::flow);
  options.by_start = true;
  Run run(options);
  run.add(flow(7500));
  run.add(flow(6500));
  run.settle(4999);
  CHECK_EQ(run.told(), std::string("3:1. 4:1. "));
}

TEST(full_pieces_come_before_their_window_ends_and_in_order) {
  WindowOptions options = options_of(EdgeKind::flow);
  options.piece_edges = 2;
  Run run(options);
  run.settle(4999);  // window 5 is the first
  for (int i = 0; i < 5; ++i) run.add(flow(6500));
  CHECK_EQ(run.told(), std::string(""));
  for (int i = 0; i < 3; ++i) run.add(flow(5500));
  CHECK_EQ(run.told(), std::string("5:2 "));
  run.settle(5999);
  CHECK_EQ(run.told(), std::string("5:2 5:1. 6:2 6:2 "));
  run.add(flow(6500));
  run.finish();
  CHECK_EQ(run.told(), std::string("5:2 5:1. 6:2 6:2 6:2 6:0. "));
}

TEST(too_much_held_ends_the_oldest_window_early) {
  WindowOptions options = options_of(EdgeKind::flow);
  options.memory = 1 << 20;
  Run run(options);
  std::uint64_t flows = 0;
  for (std::int64_t window = 1000; run.pieces().empty(); ++window, ++flows) run.add(flow(window * kWindow));
  CHECK_EQ(run.told(), std::string("1000:1. "));
  run.add(flow(1000 * kWindow));
  CHECK_EQ(run.late(), 1U);
  run.finish();
  std::uint64_t edges = 0;
  for (const EdgePiece& piece : run.pieces()) edges += piece.edges;
  CHECK_EQ(edges, flows + 1);
  CHECK_EQ(run.pieces().size(), flows);
}

TEST(newest_window_does_not_end_early_whatever_it_holds) {
  WindowOptions options = options_of(EdgeKind::pair);
  options.memory = 1 << 20;
  Run run(options);
  run.settle(4999);
  for (std::uint8_t source = 0; source < 200; ++source) {
    for (std::uint16_t port = 0; port < 2000; ++port) run.add(flow(9500, source, port));
  }
  run.finish();
  CHECK_EQ(run.late(), 0U);
  std::uint64_t flows = 0;
  for (const EdgePiece& piece : run.pieces()) {
    CHECK(piece.window == 9 || piece.edges == 0);
    for (const auto count : numbers<std::uint64_t>(piece, "flow_count")) flows += count;
  }
  CHECK_EQ(flows, 400'000U);
}

TEST(pair_lists_the_lowest_ports_and_counts_all) {
  Run run(options_of(EdgeKind::pair));
  for (unsigned port = 65535; port >= 60000; --port) run.add(flow(500, 1, static_cast<std::uint16_t>(port)));
  run.add(flow(500, 1, 0));
  run.finish();
  const EdgePiece& piece = run.pieces().at(0);
  CHECK_EQ(numbers<std::uint32_t>(piece, "server_port_count")[0], 5537U);
  const auto ports = numbers<std::uint16_t>(piece, "server_ports");
  CHECK_EQ(ports.size(), 1024U);
  CHECK_EQ(ports[0], 0);
  for (unsigned i = 1; i < ports.size(); ++i) CHECK_EQ(ports[i], 59999 + i);
}

TEST(sums_need_all_their_bits) {
  Run run(options_of(EdgeKind::service));
  FlowRecord record = flow(500);
  record.tot_fwd_pkts = std::numeric_limits<std::uint32_t>::max();
  for (int i = 0; i < 3; ++i) run.add(record);
  run.add(flow(500, 1, 54));
  run.finish();
  const EdgePiece& piece = run.pieces().at(0);
  CHECK_EQ(piece.edges, 2U);
  CHECK_EQ(numbers<std::uint64_t>(piece, "tot_fwd_pkts")[0], 3U * std::uint64_t{0xffffffff});
  CHECK_EQ(numbers<std::uint64_t>(piece, "totlen_bwd_pkts")[0], std::uint64_t{3} << 40);
  CHECK_EQ(numbers<std::uint16_t>(piece, "server_port")[1], 54);
}

TEST(values_stay_with_their_flows_while_columns_grow) {
  Run run(options_of(EdgeKind::flow));
  for (std::uint16_t port = 0; port < 1000; ++port) run.add(flow(500, 1, port));
  run.finish();
  const auto ports = numbers<std::uint16_t>(run.pieces().at(0), "dst_port");
  const auto protocols = numbers<std::uint8_t>(run.pieces().at(0), "protocol");
  CHECK_EQ(ports.size(), 1000U);
  for (unsigned i = 0; i < ports.size(); ++i) CHECK_EQ(ports[i], i);
  CHECK(protocols == std::vector<std::uint8_t>(1000, 17));
}

TEST(services_of_one_hash_are_two) {
  const WindowOptions options = options_of(EdgeKind::service);
  const EdgeHash hash(options.hash_seed);
  std::unordered_map<std::uint32_t, std::uint32_t> seen;  // port and protocol by hash
  std::uint32_t service = 0;
  while (seen.emplace(hash(0, 1, service), service).second) ++service;
  Run run(options);
  for (const std::uint32_t each : {service, seen[hash(0, 1, service)]}) {
    FlowRecord record = flow(500, 1, static_cast<std::uint16_t>(each >> 8));
    record.protocol = static_cast<std::uint8_t>(each);
    run.add(record);
  }
  run.finish();
  CHECK_EQ(run.pieces().at(0).edges, 2U);
}

TEST(mapped_address_of_version_6_is_another_node_than_that_of_version_4) {
  Run run(options_of(EdgeKind::pair));
  FlowRecord record = flow(500);
  run.add(record);
  record.ip_version = 6;
  run.add(record);
  run.finish();
  const EdgePiece& piece = run.pieces().at(0);
  CHECK_EQ(piece.edges, 2U);
  CHECK_EQ(piece.nodes.size(), 4U);
  CHECK_EQ(piece.nodes[0].size, 4);
  CHECK_EQ(piece.nodes[2].size, 16);
}

TEST(nodes_are_subnets_of_any_length) {
  for (unsigned prefix = 0; prefix <= 128; ++prefix) {
    WindowOptions options = options_of(EdgeKind::flow);
    options.v6_prefix = static_cast<std::uint8_t>(prefix);
    Run run(options);
    FlowRecord record = flow(500);
    record.src_ip.octets.fill(0xff);
    record.ip_version = 6;
    run.add(record);
    run.finish();
    const EdgeNode& node = run.pieces().at(0).nodes[0];
    for (unsigned bit = 0; bit < 128; ++bit) CHECK_EQ(node.octets[bit / 8] >> (7 - bit % 8) & 1, bit < prefix ? 1 : 0);
  }
}

/// Addresses come from the network: who sends them must not know where they go.
TEST(what_collides_under_one_seed_does_not_under_another) {
  const std::uint64_t known[2] = {0, 0};
  const std::uint64_t secret[2] = {0x1234567890abcdef, 0xfedcba0987654321};
  const EdgeHash foreseen(known);
  const EdgeHash actual(secret);
  constexpr std::uint32_t kSlots = 1024;
  std::vector<unsigned> slots(kSlots);
  unsigned chosen = 0;
  for (std::uint64_t address = 0; chosen < kSlots; ++address) {
    if (foreseen(address, 0, 4) % kSlots != 0) continue;
    ++chosen;
    ++slots[actual(address, 0, 4) % kSlots];
  }
  CHECK(*std::max_element(slots.begin(), slots.end()) < 12);
}
