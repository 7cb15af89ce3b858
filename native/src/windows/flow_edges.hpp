#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "flowedge/windows.hpp"
#include "node_table.hpp"

namespace flowedge {

/// An edge a flow. Values go from the record right into the columns in which they are given out.
class FlowEdges {
 public:
  explicit FlowEdges(const WindowOptions& options);

  void add(const FlowRecord& record);
  bool full() const { return edges_ >= piece_edges_; }
  std::size_t octets() const {
    return sizeof(*this) + columns_.size() * kColumnOctets + room_ * row_ + nodes_.octets();
  }
  /// Gives out what there is, and begins anew.
  void take(EdgePiece& piece);

 private:
  static constexpr std::size_t kColumnOctets = sizeof(EdgeColumn) + sizeof(const Column*) + 32;

  /// Where the next value of a column comes from and goes to.
  struct Cursor {
    std::uint8_t* to;
    std::uint32_t offset;  ///< in FlowRecord
    std::uint32_t width;
  };

  void begin();
  void make_room();
  void add_column(const Column& column);

  std::vector<const Column*> sources_;
  std::uint32_t piece_edges_;
  std::size_t row_ = 0;  ///< octets of an edge
  std::uint32_t room_ = 0;
  std::uint32_t edges_ = 0;
  NodeTable nodes_;
  std::vector<EdgeColumn> columns_;  ///< src, dst, then those of sources_
  std::vector<Cursor> cursors_;      ///< of sources_
};

}  // namespace flowedge
