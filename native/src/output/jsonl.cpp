#include <cmath>
#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

#include "cell.hpp"
#include "flowedge/text.hpp"

namespace flowedge {
namespace {

/// RFC 8259, section 7: what must be escaped, and nothing else.
void append_escaped(char c, std::string& out) {
  static constexpr char kHex[] = "0123456789abcdef";
  const auto octet = static_cast<unsigned char>(c);
  if (c == '"' || c == '\\') {
    out += '\\';
    out += c;
  } else if (octet < 0x20) {
    out += "\\u00";
    out += kHex[octet >> 4];
    out += kHex[octet & 15];
  } else {
    out += c;
  }
}

void append_string(std::string_view text, std::string& out) {
  out += '"';
  for (const char c : text) append_escaped(c, out);
  out += '"';
}

/// A member of the object: all that is the same in each row, and where its value comes from.
struct Member {
  std::string lead;  ///< what stands before the value, or a label with its value: `,"src_ip":"`
  CellKind kind;
  bool quoted;
  std::size_t offset;
};

struct Plan {
  std::vector<Member> members;
  TimeText time_text;
  std::size_t max_row;
};

bool is_text(CellKind kind, TimeText time_text) {
  return kind == CellKind::address || kind == CellKind::flow_id ||
         (kind == CellKind::time_point && time_text != TimeText::epoch);
}

Member make_member(const OutputColumn& output, const Selection& selection, bool first) {
  const CellKind kind = cell_kind(output);
  Member member{first ? "{" : ",", kind, is_text(kind, selection.time_text()),
                output.column != nullptr ? output.column->offset : 0};
  append_string(output.header, member.lead);
  member.lead += ':';
  if (kind == CellKind::label) append_string(selection.label(), member.lead);
  if (member.quoted) member.lead += '"';
  return member;
}

Plan make_plan(const Selection& selection) {
  Plan plan{{}, selection.time_text(), std::strlen("{}\n")};
  for (const OutputColumn& output : selection.columns()) {
    if (output.repeated) continue;
    plan.members.push_back(make_member(output, selection, plan.members.empty()));
    plan.max_row += plan.members.back().lead.size() + kMaxCellText + 1;
  }
  return plan;
}

char* write_text(char* to, std::string_view text) {
  std::memcpy(to, text.data(), text.size());
  return to + text.size();
}

bool is_finite(const Member& member, const FlowRecord& record) {
  switch (member.kind) {
    case CellKind::f64:
    case CellKind::to_microseconds:
    case CellKind::to_seconds:
      return std::isfinite(load<double>(record, member.offset));
    default:
      return true;
  }
}

char* write_member(char* to, const Member& member, const FlowRecord& record, TimeText time_text) {
  to = write_text(to, member.lead);
  if (member.kind == CellKind::label) return to;
  if (!is_finite(member, record)) return write_text(to, "null");
  to = write_cell(to, member.kind, member.offset, record, time_text);
  if (member.quoted) *to++ = '"';
  return to;
}

/// Writes a row of at most `plan.max_row` octets, from `row` on; returns its length.
std::size_t write_row(char* row, const Plan& plan, const FlowRecord& record) {
  char* to = plan.members.empty() ? write_text(row, "{") : row;
  for (const Member& member : plan.members) to = write_member(to, member, record, plan.time_text);
  to = write_text(to, "}\n");
  return static_cast<std::size_t>(to - row);
}

}  // namespace

void append_jsonl(const Selection& selection, const FlowRecord* records, std::size_t count, std::string& out) {
  const Plan plan = make_plan(selection);
  const std::unique_ptr<char[]> row(new char[plan.max_row]);
  for (std::size_t i = 0; i < count; ++i) out.append(row.get(), write_row(row.get(), plan, records[i]));
}

}  // namespace flowedge
