#include "flowedge/columns.hpp"

#include <cstddef>
#include <type_traits>

#include "flowedge/record.hpp"

namespace flowedge {
namespace {

template <class Field>
constexpr ColumnType column_type() {
  if constexpr (std::is_same_v<Field, Address>) return ColumnType::address;
  if constexpr (std::is_same_v<Field, std::uint8_t>) return ColumnType::u8;
  if constexpr (std::is_same_v<Field, std::uint16_t>) return ColumnType::u16;
  if constexpr (std::is_same_v<Field, std::uint32_t>) return ColumnType::u32;
  if constexpr (std::is_same_v<Field, std::uint64_t>) return ColumnType::u64;
  if constexpr (std::is_same_v<Field, std::int32_t>) return ColumnType::i32;
  if constexpr (std::is_same_v<Field, std::int64_t>) return ColumnType::i64;
  if constexpr (std::is_same_v<Field, double>) return ColumnType::f64;
}

}  // namespace

static_assert(std::is_standard_layout_v<FlowRecord> && std::is_trivially_copyable_v<FlowRecord>);

// clang-format off
#define COLUMN(group, name, type, unit, position, cicflowmeter, cicids2017, cse_cic_ids2018, meaning)       \
  {#name, column_type<type>(), Unit::unit, ColumnGroup::group, position,                                   \
   {#name, cicflowmeter, cicids2017, cse_cic_ids2018}, meaning, offsetof(FlowRecord, name)},
#define FEATURE(...) COLUMN(feature, __VA_ARGS__)
#define ENGELEN(...) COLUMN(engelen, __VA_ARGS__)
#define EXTRA(...) COLUMN(extra, __VA_ARGS__)
const Column kColumns[] = {
  FLOWEDGE_FEATURE_COLUMNS(FEATURE)
  FLOWEDGE_ENGELEN_COLUMNS(ENGELEN)
  FLOWEDGE_EXTRA_COLUMNS(EXTRA)
};
#undef EXTRA
#undef ENGELEN
#undef FEATURE
#undef COLUMN
// clang-format on

const std::size_t kColumnCount = sizeof kColumns / sizeof kColumns[0];

const char* scheme_name(NameScheme scheme) {
  switch (scheme) {
    case NameScheme::netflower:
      return "netflower";
    case NameScheme::cicflowmeter:
      return "cicflowmeter";
    case NameScheme::cicids2017:
      return "cicids2017";
    case NameScheme::cse_cic_ids2018:
      return "cse-cic-ids2018";
    case NameScheme::count_:
      break;
  }
  return "";
}

const char* unit_symbol(Unit unit, TimeUnit durations) {
  switch (unit) {
    case Unit::address:
    case Unit::number:
    case Unit::ratio:
      return "";
    case Unit::packets:
      return "packets";
    case Unit::bytes:
      return "B";
    case Unit::bytes_squared:
      return "B^2";
    case Unit::duration:
      return durations == TimeUnit::seconds ? "s" : "us";
    case Unit::bytes_per_second:
      return "B/s";
    case Unit::per_second:
      return "1/s";
    case Unit::time_point:
      return "s";
    case Unit::nanoseconds:
      return "ns";
  }
  return "";
}

}  // namespace flowedge
