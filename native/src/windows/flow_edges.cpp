#include "flow_edges.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

#include "little_endian.hpp"

namespace flowedge {
namespace {

constexpr std::uint32_t kFirstRoom = 32;
constexpr std::size_t kEndOctets = sizeof(std::uint32_t);  // of src and dst
constexpr std::string_view kColumnsOfAll[] = {"src_port", "dst_port", "protocol", "first_ns", "last_ns", "end_reason"};

const Column* column_named(std::string_view name) {
  return std::find_if(kColumns, kColumns + kColumnCount, [&](const Column& column) { return column.name == name; });
}

struct NumberType {
  const char* code;
  std::uint32_t width;
};

NumberType number_type(ColumnType type) {
  switch (type) {
    case ColumnType::address:
      break;  // is none
    case ColumnType::u8:
      return {"<u1", 1};
    case ColumnType::u16:
      return {"<u2", 2};
    case ColumnType::u32:
      return {"<u4", 4};
    case ColumnType::u64:
      return {"<u8", 8};
    case ColumnType::i32:
      return {"<i4", 4};
    case ColumnType::i64:
      return {"<i8", 8};
    case ColumnType::f64:
      return {"<f8", 8};
  }
  return {"", 0};
}

void copy_number(std::uint8_t* to, const std::uint8_t* from, std::uint32_t width) {
  switch (width) {
    case 1:
      return copy_little_endian<1>(to, from);
    case 2:
      return copy_little_endian<2>(to, from);
    case 4:
      return copy_little_endian<4>(to, from);
    default:
      return copy_little_endian<8>(to, from);
  }
}

}  // namespace

FlowEdges::FlowEdges(const WindowOptions& options) : piece_edges_(options.piece_edges), nodes_(options) {
  for (const std::string_view name : kColumnsOfAll) sources_.push_back(column_named(name));
  sources_.insert(sources_.end(), options.features.begin(), options.features.end());
  begin();
}

void FlowEdges::begin() {
  columns_ = {{"src", "<u4", {}, false, {}}, {"dst", "<u4", {}, false, {}}};
  cursors_.clear();
  row_ = 2 * kEndOctets;
  room_ = edges_ = 0;
  for (const Column* column : sources_) add_column(*column);
}

void FlowEdges::add_column(const Column& column) {
  const NumberType type = number_type(column.type);
  columns_.push_back({column.name, type.code, {}, false, {}});
  cursors_.push_back({nullptr, static_cast<std::uint32_t>(column.offset), type.width});
  row_ += type.width;
}

void FlowEdges::make_room() {
  room_ = std::min(std::max(kFirstRoom, 2 * room_), piece_edges_);
  columns_[0].data.resize(room_ * kEndOctets);
  columns_[1].data.resize(room_ * kEndOctets);
  for (std::size_t i = 0; i < cursors_.size(); ++i) {
    std::vector<std::uint8_t>& data = columns_[i + 2].data;
    data.resize(std::size_t{room_} * cursors_[i].width);
    cursors_[i].to = data.data() + std::size_t{edges_} * cursors_[i].width;
  }
}

void FlowEdges::add(const FlowRecord& record) {
  if (edges_ == room_) make_room();
  const std::uint32_t ends[] = {nodes_.number_of(record.src_ip, record.ip_version),
                                nodes_.number_of(record.dst_ip, record.ip_version)};
  copy_little_endian<kEndOctets>(columns_[0].data.data() + edges_ * kEndOctets, &ends[0]);
  copy_little_endian<kEndOctets>(columns_[1].data.data() + edges_ * kEndOctets, &ends[1]);
  const auto* fields = reinterpret_cast<const std::uint8_t*>(&record);
  for (Cursor& cursor : cursors_) {
    copy_number(cursor.to, fields + cursor.offset, cursor.width);
    cursor.to += cursor.width;
  }
  ++edges_;
}

void FlowEdges::take(EdgePiece& piece) {
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    const std::size_t width = i < 2 ? kEndOctets : cursors_[i - 2].width;
    columns_[i].data.resize(edges_ * width);
  }
  piece.edges = edges_;
  piece.nodes = nodes_.take();
  piece.columns = std::move(columns_);
  begin();
}

}  // namespace flowedge
