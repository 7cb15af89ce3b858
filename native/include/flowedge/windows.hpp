#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "flowedge/columns.hpp"
#include "flowedge/record.hpp"

namespace flowedge {

/// What an edge is: a flow; the sum of a window's flows between two nodes; or that by protocol and server port.
enum class EdgeKind : std::uint8_t { flow, pair, service };

struct WindowOptions {
  std::int64_t window_ns = 10'000'000'000;
  bool by_start = false;  ///< a flow belongs to the window of its first packet, not to that in which it was closed
  EdgeKind kind = EdgeKind::flow;
  std::uint8_t v4_prefix = 32;          ///< nodes are subnets of this length
  std::uint8_t v6_prefix = 128;         ///< likewise
  std::vector<const Column*> features;  ///< of each flow, for EdgeKind::flow; not addresses
  std::uint32_t piece_edges = 2048;     ///< most edges of a piece
  std::size_t memory = 64 << 20;        ///< octets; beyond, the oldest open window ends early
  std::uint64_t hash_seed[2] = {0, 0};  ///< must be random where traffic is not trusted; changes no output
};

/// A column of a piece: little-endian numbers, one an edge, or with offsets a list of them an edge.
struct EdgeColumn {
  const char* name;
  const char* code;  ///< numpy's: "<u4"
  std::vector<std::uint8_t> data;
  bool ragged = false;
  std::vector<std::uint8_t> offsets;  ///< if ragged, "<u4": one more than there are edges
};

/// A node: an address, or the lowest of its subnet; 4 octets or 16.
struct EdgeNode {
  std::uint8_t octets[16];
  std::uint8_t size;
};

/// Edges of one window with their nodes. It stands alone: its columns src and dst count its own nodes.
struct EdgePiece {
  std::int64_t window = 0;  ///< it began at window * window_ns, ns since 1970
  bool last = false;        ///< of its window
  std::uint32_t edges = 0;
  std::vector<EdgeNode> nodes;
  std::vector<EdgeColumn> columns;
};

/// Closed flows by windows of time, as edges. Window k is [k * window_ns, (k + 1) * window_ns). One thread at a time.
///
/// Windows end in order, those without flows too; but of more than kLongestRun windows without flows none is told. A
/// flow that comes when its window has ended goes into the oldest that has not, and is counted as late.
class Windows {
 public:
  static constexpr std::int64_t kLongestRun = 10'000;

  /// Never null. Here and below, std::bad_alloc when memory runs out.
  static std::unique_ptr<Windows> make(const WindowOptions& options);
  virtual ~Windows() = default;

  virtual void add(const FlowRecord* records, std::size_t count) = 0;

  /// Says that no more flows will come with this time (`closed_ns`, or by_start `first_ns`) or an earlier one.
  virtual void settle(std::int64_t time_ns) = 0;
  /// Says that no more flows will come at all: windows up to the last that has flows end.
  virtual void finish() = 0;

  /// The next piece that is ready; false if there is none. All pieces of a window come before those of the next, and
  /// full ones before the window has ended; the last may have no edges.
  virtual bool next(EdgePiece& piece) = 0;

  virtual std::uint64_t late() const = 0;
};

}  // namespace flowedge
