#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>

#include "arrow_ownership.hpp"
#include "cell.hpp"

namespace flowedge {
namespace {

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

}  // namespace

bool export_arrow_schema(const Selection& selection, ArrowSchema* out) {
  return made([&] { make_schema(selection, out); });
}

}  // namespace flowedge
