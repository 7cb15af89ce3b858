#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "flowedge/record.hpp"
#include "flowedge/selection.hpp"

namespace flowedge {

/// What a cell of an output column is made from.
enum class CellKind : std::uint8_t {
  u8,
  u16,
  u32,
  u64,
  i32,
  i64,
  f64,
  to_microseconds,  ///< a double in seconds
  to_seconds,       ///< a double in microseconds
  address,
  time_point,  ///< as text: of first_ns, which is exact
  flow_id,
  label,  ///< the same in all rows
};

CellKind cell_kind(const OutputColumn& output);

/// Reads a field of a record.
template <class Field>
Field load(const FlowRecord& record, std::size_t offset) {
  Field field;
  std::memcpy(&field, reinterpret_cast<const std::uint8_t*>(&record) + offset, sizeof field);
  return field;
}

/// No cell but a label has a longer text: the Flow ID, two addresses, two ports and a protocol. A cell may
/// write over all of this room.
inline constexpr std::size_t kMaxCellText = 2 * 40 + 2 * 5 + 3 + 4;

/// Writes the text of any cell but a label; returns where it ends.
char* write_cell(char* to, CellKind kind, std::size_t offset, const FlowRecord& record, TimeText time_text);

/// Addresses, ports and protocol with hyphens between: source first, but as the flow began it.
char* write_flow_id(char* to, const FlowRecord& record);

}  // namespace flowedge
