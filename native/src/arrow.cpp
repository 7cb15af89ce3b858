#include "flowedge/arrow.hpp"

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cell.hpp"

// Ownership, after the specification: a structure's private_data owns all that it points to, and a parent owns
// its children's structures, but a consumer may move a child out (copy the structure and null its `release`).
// So each child has private data of its own, and a parent releases the children that are still there.

namespace flowedge {
namespace {

template <class Structure>
void release_if_there(Structure& structure) {
  if (structure.release != nullptr) structure.release(&structure);
}

/// The children of a schema or of an array; what has not been moved out is released with them.
template <class Structure>
class Children {
 public:
  Children() = default;
  Children(const Children&) = delete;
  Children& operator=(const Children&) = delete;
  ~Children() {
    for (const auto& child : owned_) release_if_there(*child);
  }

  /// A new child, all zero.
  Structure* append() {
    owned_.push_back(std::make_unique<Structure>());
    pointers_.push_back(owned_.back().get());
    return pointers_.back();
  }
  Structure** pointers() { return pointers_.data(); }
  std::int64_t size() const { return static_cast<std::int64_t>(pointers_.size()); }

 private:
  std::vector<std::unique_ptr<Structure>> owned_;
  std::vector<Structure*> pointers_;
};

/// The `release` of a structure whose private data is a `Data`.
template <class Structure, class Data>
void release(Structure* structure) {
  delete static_cast<Data*>(structure->private_data);
  structure->release = nullptr;
}

// ---- schema

struct FieldData {
  std::string name;
  std::string metadata;
};

struct TableSchemaData {
  Children<ArrowSchema> children;
};

const char* arrow_format(CellKind kind) {
  switch (kind) {
    case CellKind::u8:
      return "C";
    case CellKind::u16:
      return "S";
    case CellKind::u32:
      return "I";
    case CellKind::u64:
      return "L";
    case CellKind::i32:
      return "i";
    case CellKind::i64:
      return "l";
    case CellKind::f64:
    case CellKind::to_microseconds:
    case CellKind::to_seconds:
    case CellKind::time_point:
      return "g";
    case CellKind::address:
    case CellKind::flow_id:
    case CellKind::label:
      break;
  }
  return "u";
}

/// An int32 in the machine's own order, as the specification wants it.
void append_int32(std::size_t value, std::string& out) {
  const auto number = static_cast<std::int32_t>(value);
  char octets[sizeof number];
  std::memcpy(octets, &number, sizeof number);
  out.append(octets, sizeof octets);
}

void append_counted(std::string_view text, std::string& out) {
  append_int32(text.size(), out);
  out += text;
}

/// Number of pairs, then each key and value with its length before it.
std::string field_metadata(std::string_view unit, std::string_view meaning) {
  std::string metadata;
  append_int32(unit.empty() ? 1 : 2, metadata);
  append_counted("meaning", metadata);
  append_counted(meaning, metadata);
  if (!unit.empty()) {
    append_counted("unit", metadata);
    append_counted(unit, metadata);
  }
  return metadata;
}

std::string metadata_of(const OutputColumn& output, TimeUnit durations) {
  switch (output.content) {
    case Content::flow_id:
      return field_metadata("", "addresses, ports and protocol, as CICFlowMeter joins them");
    case Content::label:
      return field_metadata("", "the label that was asked for, the same in all rows");
    case Content::value:
      break;
  }
  return field_metadata(unit_symbol(output.column->unit, durations), output.column->meaning);
}

void make_field(const OutputColumn& output, TimeUnit durations, ArrowSchema* out) {
  auto data = std::make_unique<FieldData>(FieldData{output.header, metadata_of(output, durations)});
  out->format = arrow_format(cell_kind(output));
  out->name = data->name.c_str();
  out->metadata = data->metadata.data();
  out->release = release<ArrowSchema, FieldData>;
  out->private_data = data.release();
}

void make_schema(const Selection& selection, ArrowSchema* out) {
  auto data = std::make_unique<TableSchemaData>();
  for (const OutputColumn& output : selection.columns()) {
    if (!output.repeated) make_field(output, selection.durations(), data->children.append());
  }
  *out = ArrowSchema{};
  out->format = "+s";
  out->name = "";
  out->n_children = data->children.size();
  out->children = data->children.pointers();
  out->release = release<ArrowSchema, TableSchemaData>;
  out->private_data = data.release();
}

// ---- array

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

// ---- stream

struct StreamData {
  Selection selection;
  ArrowArray batch{};  ///< without `release` once it has been given away

  explicit StreamData(const Selection& chosen) : selection(chosen) {}
  StreamData(const StreamData&) = delete;
  StreamData& operator=(const StreamData&) = delete;
  ~StreamData() { release_if_there(batch); }
};

int stream_schema(ArrowArrayStream* stream, ArrowSchema* out) {
  return export_arrow_schema(static_cast<StreamData*>(stream->private_data)->selection, out) ? 0 : ENOMEM;
}

/// The batch, and then the released array that means the end.
int stream_next(ArrowArrayStream* stream, ArrowArray* out) {
  *out = std::exchange(static_cast<StreamData*>(stream->private_data)->batch, ArrowArray{});
  return 0;
}

const char* stream_error(ArrowArrayStream*) {
  return "out of memory";
}

void make_stream(const Selection& selection, Rows rows, ArrowArrayStream* out) {
  auto data = std::make_unique<StreamData>(selection);
  make_array(selection, rows, &data->batch);
  *out = {stream_schema, stream_next, stream_error, release<ArrowArrayStream, StreamData>, data.release()};
}

/// Runs what may throw; whatever was made by then has been released on the way out.
template <class Make>
bool made(Make make) {
  try {
    make();
    return true;
  } catch (const std::bad_alloc&) {
    return false;
  } catch (const std::length_error&) {
    return false;
  }
}

}  // namespace

bool export_arrow_schema(const Selection& selection, ArrowSchema* out) {
  return made([&] { make_schema(selection, out); });
}

bool export_arrow_array(const Selection& selection, const FlowRecord* records, std::size_t count, ArrowArray* out) {
  return made([&] { make_array(selection, {records, count}, out); });
}

bool export_arrow_stream(const Selection& selection, const FlowRecord* records, std::size_t count,
                         ArrowArrayStream* out) {
  return made([&] { make_stream(selection, {records, count}, out); });
}

}  // namespace flowedge
