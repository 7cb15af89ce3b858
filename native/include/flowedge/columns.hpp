#pragma once
#include <cstddef>
#include <cstdint>

#include "flowedge/column_list.hpp"
#include "flowedge/mode.hpp"

namespace flowedge {

enum class Unit : std::uint8_t {
  address,
  number,
  packets,
  bytes,
  bytes_squared,
  duration,  ///< in the mode's time unit
  bytes_per_second,
  per_second,
  ratio,
  time_point,  ///< seconds since 1970
  nanoseconds,
};

enum class ColumnType : std::uint8_t { address, u8, u16, u32, u64, i32, i64, f64 };

enum class NameScheme : std::uint8_t { netflower, cicflowmeter, cicids2017, cse_cic_ids2018, count_ };

/// Who has the column: every mode, the Engelen fork alone, or whoever asks for it.
enum class ColumnGroup : std::uint8_t { feature, engelen, extra };

/// One line of the column list, with its place in FlowRecord.
struct Column {
  const char* name;
  ColumnType type;
  Unit unit;
  ColumnGroup group;
  int position;                                                     ///< in CICFlowMeter's order; -1 for extras
  const char* names[static_cast<std::size_t>(NameScheme::count_)];  ///< by NameScheme; nullptr: not in that scheme
  const char* meaning;
  std::size_t offset;  ///< in FlowRecord
};

extern const Column kColumns[];
extern const std::size_t kColumnCount;

/// The scheme as users write it ("cse-cic-ids2018").
const char* scheme_name(NameScheme scheme);

/// "s", "B/s", ...; empty for a value without a unit. `durations` is the unit that durations are given in.
const char* unit_symbol(Unit unit, TimeUnit durations);

}  // namespace flowedge
