#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

#include "cell.hpp"
#include "flowedge/text.hpp"
#include "number_text.hpp"

namespace flowedge {
namespace {

bool needs_quotes(std::string_view text) {
  return text.find_first_of("\",\r\n") != std::string_view::npos;
}

void append_field(std::string_view text, std::string& out) {
  if (!needs_quotes(text)) {
    out += text;
    return;
  }
  out += '"';
  for (const char c : text) {
    if (c == '"') out += '"';
    out += c;
  }
  out += '"';
}

/// Neighbouring cells of one kind whose fields are neighbours in the record too: one decision for them all.
struct Run {
  CellKind kind;
  std::uint16_t count;
  std::uint16_t offset;  ///< of the first field
};

/// The selection in the form in which rows are written.
struct Plan {
  std::vector<Run> runs;
  std::string label;  ///< quoted if it must be
  TimeText time_text;
  std::size_t max_row;
};

std::size_t field_size(CellKind kind) {
  if (kind == CellKind::f64) return sizeof(double);
  return kind == CellKind::u32 ? sizeof(std::uint32_t) : 0;
}

/// Only the kinds that most columns have are written in runs.
bool continues(const Run& run, CellKind kind, std::size_t offset) {
  const std::size_t size = field_size(kind);
  return size != 0 && run.kind == kind && run.offset + run.count * size == offset;
}

void append_cell(std::vector<Run>& runs, CellKind kind, std::size_t offset) {
  if (!runs.empty() && continues(runs.back(), kind, offset)) {
    ++runs.back().count;
  } else {
    runs.push_back({kind, 1, static_cast<std::uint16_t>(offset)});
  }
}

Plan make_plan(const Selection& selection) {
  static_assert(sizeof(FlowRecord) <= UINT16_MAX);
  Plan plan{{}, {}, selection.time_text(), 1};
  append_field(selection.label(), plan.label);
  for (const OutputColumn& output : selection.columns()) {
    append_cell(plan.runs, cell_kind(output), output.column != nullptr ? output.column->offset : 0);
    plan.max_row += (output.content == Content::label ? plan.label.size() : kMaxCellText) + 1;
  }
  return plan;
}

template <class Number>
char* write_numbers(char* to, const Run& run, const FlowRecord& record) {
  for (std::size_t i = 0; i < run.count; ++i) {
    to = write_number(to, load<Number>(record, run.offset + i * sizeof(Number)));
    *to++ = ',';
  }
  return to;
}

char* write_one(char* to, const Run& run, const Plan& plan, const FlowRecord& record) {
  if (run.kind == CellKind::label) {
    std::memcpy(to, plan.label.data(), plan.label.size());
    to += plan.label.size();
  } else {
    to = write_cell(to, run.kind, run.offset, record, plan.time_text);
  }
  *to++ = ',';
  return to;
}

/// Writes a row of at most `plan.max_row` octets, from `row` on; returns its length.
std::size_t write_row(char* row, const Plan& plan, const FlowRecord& record) {
  char* to = row;
  for (const Run& run : plan.runs) {
    switch (run.kind) {
      case CellKind::f64:
        to = write_numbers<double>(to, run, record);
        break;
      case CellKind::u32:
        to = write_numbers<std::uint32_t>(to, run, record);
        break;
      default:
        to = write_one(to, run, plan, record);
    }
  }
  if (to == row) ++to;
  to[-1] = '\n';
  return static_cast<std::size_t>(to - row);
}

}  // namespace

void append_csv_header(const Selection& selection, std::string& out) {
  std::string_view separator;
  for (const OutputColumn& column : selection.columns()) {
    out += separator;
    append_field(column.header, out);
    separator = ",";
  }
  out += '\n';
}

void append_csv(const Selection& selection, const FlowRecord* records, std::size_t count, std::string& out) {
  const Plan plan = make_plan(selection);
  const std::unique_ptr<char[]> row(new char[plan.max_row]);
  for (std::size_t i = 0; i < count; ++i) out.append(row.get(), write_row(row.get(), plan, records[i]));
}

}  // namespace flowedge
