#include "cell.hpp"

#include "flowedge/address_text.hpp"
#include "number_text.hpp"
#include "time_text.hpp"

namespace flowedge {
namespace {

static_assert(kMaxCellText >= kMaxNumberText && kMaxCellText >= kMaxTimeText &&
              kMaxCellText >= 2 * kMaxAddressText + 2 * 5 + 3 + 4);

CellKind value_kind(const Column& column) {
  if (column.unit == Unit::time_point) return CellKind::time_point;
  switch (column.type) {
    case ColumnType::address:
      return CellKind::address;
    case ColumnType::u8:
      return CellKind::u8;
    case ColumnType::u16:
      return CellKind::u16;
    case ColumnType::u32:
      return CellKind::u32;
    case ColumnType::u64:
      return CellKind::u64;
    case ColumnType::i32:
      return CellKind::i32;
    case ColumnType::i64:
      return CellKind::i64;
    case ColumnType::f64:
      break;
  }
  return CellKind::f64;
}

}  // namespace

CellKind cell_kind(const OutputColumn& output) {
  switch (output.content) {
    case Content::flow_id:
      return CellKind::flow_id;
    case Content::label:
      return CellKind::label;
    case Content::value:
      break;
  }
  switch (output.change) {
    case UnitChange::to_microseconds:
      return CellKind::to_microseconds;
    case UnitChange::to_seconds:
      return CellKind::to_seconds;
    case UnitChange::none:
      break;
  }
  return value_kind(*output.column);
}

char* write_flow_id(char* to, const FlowRecord& record) {
  const bool reversed = record.flow_id_reversed != 0;
  to = write_address(to, reversed ? record.dst_ip : record.src_ip, record.ip_version);
  *to++ = '-';
  to = write_address(to, reversed ? record.src_ip : record.dst_ip, record.ip_version);
  *to++ = '-';
  to = write_number(to, reversed ? record.dst_port : record.src_port);
  *to++ = '-';
  to = write_number(to, reversed ? record.src_port : record.dst_port);
  *to++ = '-';
  return write_number(to, record.protocol);
}

char* write_cell(char* to, CellKind kind, std::size_t offset, const FlowRecord& record, TimeText time_text) {
  switch (kind) {
    case CellKind::u8:
      return write_number(to, load<std::uint8_t>(record, offset));
    case CellKind::u16:
      return write_number(to, load<std::uint16_t>(record, offset));
    case CellKind::u32:
      return write_number(to, load<std::uint32_t>(record, offset));
    case CellKind::u64:
      return write_number(to, load<std::uint64_t>(record, offset));
    case CellKind::i32:
      return write_number(to, load<std::int32_t>(record, offset));
    case CellKind::i64:
      return write_number(to, load<std::int64_t>(record, offset));
    case CellKind::f64:
      return write_number(to, load<double>(record, offset));
    case CellKind::to_microseconds:
      return write_number(to, seconds_to_microseconds(load<double>(record, offset)));
    case CellKind::to_seconds:
      return write_number(to, load<double>(record, offset) / 1e6);
    case CellKind::address:
      return write_address(to, load<Address>(record, offset), record.ip_version);
    case CellKind::time_point:
      return write_time(to, record.first_ns, time_text);
    case CellKind::flow_id:
      return write_flow_id(to, record);
    case CellKind::label:
      break;
  }
  return to;
}

}  // namespace flowedge
