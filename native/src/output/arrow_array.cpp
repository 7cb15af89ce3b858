#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <stdexcept>
#include <string_view>
#include <vector>

#include "arrow_ownership.hpp"
#include "cell.hpp"

namespace flowedge {
namespace {

struct ColumnData {
  std::vector<std::int32_t> offsets;  ///< of texts; empty for numbers
  std::vector<char> values;
  const void* buffers[3];  ///< validity (none), offsets if there are any, values
};

struct TableData {
  Children<ArrowArray> children;
  const void* buffers[1] = {nullptr};
};

struct Rows {
  const FlowRecord* records;
  std::size_t count;
};

template <class Number, class Read>
void fill_numbers(Rows rows, ColumnData& data, Read read) {
  data.values.resize(rows.count * sizeof(Number));
  char* to = data.values.data();
  for (std::size_t i = 0; i < rows.count; ++i, to += sizeof(Number)) {
    const Number value = read(rows.records[i]);
    std::memcpy(to, &value, sizeof value);
  }
}

template <class Number>
void copy_numbers(Rows rows, std::size_t offset, ColumnData& data) {
  fill_numbers<Number>(rows, data, [=](const FlowRecord& record) { return load<Number>(record, offset); });
}

void convert_durations(Rows rows, std::size_t offset, UnitChange change, ColumnData& data) {
  fill_numbers<double>(rows, data,
                       [=](const FlowRecord& record) { return change_unit(load<double>(record, offset), change); });
}

void append_text(std::string_view text, ColumnData& data) {
  constexpr std::size_t kMostText = std::numeric_limits<std::int32_t>::max();
  if (text.size() > kMostText - data.values.size()) throw std::length_error("utf8 has 32-bit offsets");
  data.values.insert(data.values.end(), text.begin(), text.end());
  data.offsets.push_back(static_cast<std::int32_t>(data.values.size()));
}

void start_texts(Rows rows, ColumnData& data) {
  data.offsets.reserve(rows.count + 1);
  data.offsets.push_back(0);
}

void fill_cells(Rows rows, CellKind kind, std::size_t offset, ColumnData& data) {
  char text[kMaxCellText];
  start_texts(rows, data);
  for (std::size_t i = 0; i < rows.count; ++i) {
    const char* end = write_cell(text, kind, offset, rows.records[i], TimeText::epoch);
    append_text({text, static_cast<std::size_t>(end - text)}, data);
  }
}

void fill_label(Rows rows, std::string_view label, ColumnData& data) {
  start_texts(rows, data);
  for (std::size_t i = 0; i < rows.count; ++i) append_text(label, data);
}

void fill_column(const Selection& selection, const OutputColumn& output, Rows rows, ColumnData& data) {
  const CellKind kind = cell_kind(output);
  const std::size_t offset = output.column != nullptr ? output.column->offset : 0;
  switch (kind) {
    case CellKind::u8:
      return copy_numbers<std::uint8_t>(rows, offset, data);
    case CellKind::u16:
      return copy_numbers<std::uint16_t>(rows, offset, data);
    case CellKind::u32:
      return copy_numbers<std::uint32_t>(rows, offset, data);
    case CellKind::u64:
      return copy_numbers<std::uint64_t>(rows, offset, data);
    case CellKind::i32:
      return copy_numbers<std::int32_t>(rows, offset, data);
    case CellKind::i64:
      return copy_numbers<std::int64_t>(rows, offset, data);
    case CellKind::f64:
    case CellKind::time_point:
      return copy_numbers<double>(rows, offset, data);
    case CellKind::to_microseconds:
    case CellKind::to_seconds:
      return convert_durations(rows, offset, output.change, data);
    case CellKind::address:
    case CellKind::flow_id:
      return fill_cells(rows, kind, offset, data);
    case CellKind::label:
      return fill_label(rows, selection.label(), data);
  }
}

void make_column(const Selection& selection, const OutputColumn& output, Rows rows, ArrowArray* out) {
  auto data = std::make_unique<ColumnData>();
  fill_column(selection, output, rows, *data);
  const bool text = !data->offsets.empty();
  data->buffers[1] = text ? static_cast<const void*>(data->offsets.data()) : data->values.data();
  data->buffers[2] = data->values.data();
  out->length = static_cast<std::int64_t>(rows.count);
  out->n_buffers = text ? 3 : 2;
  out->buffers = data->buffers;
  out->release = release<ArrowArray, ColumnData>;
  out->private_data = data.release();
}

void make_array(const Selection& selection, Rows rows, ArrowArray* out) {
  auto data = std::make_unique<TableData>();
  for (const OutputColumn& output : selection.columns()) {
    if (!output.repeated) make_column(selection, output, rows, data->children.append());
  }
  *out = ArrowArray{};
  out->length = static_cast<std::int64_t>(rows.count);
  out->n_buffers = 1;
  out->buffers = data->buffers;
  out->n_children = data->children.size();
  out->children = data->children.pointers();
  out->release = release<ArrowArray, TableData>;
  out->private_data = data.release();
}

}  // namespace

bool export_arrow_array(const Selection& selection, const FlowRecord* records, std::size_t count, ArrowArray* out) {
  return made([&] { make_array(selection, {records, count}, out); });
}

}  // namespace flowedge
