#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "flowedge/address.hpp"
#include "flowedge/column_list.hpp"

namespace flowedge {

/// One closed flow: the value of every column. Durations are in the mode's time unit (seconds, or microseconds
/// in the modes cicflowmeter and engelen); `timestamp` is always seconds since 1970.
struct FlowRecord {
#define X(name, type, unit, position, java, cicids2017, ids2018, meaning) type name;
  FLOWEDGE_ALL_COLUMNS(X)
#undef X
  /// The Engelen fork keeps the first Flow ID of a connection when its orientation changes.
  std::uint8_t flow_id_reversed;
};

/// IPFIX flowEndReason (RFC 5102, 5.11.3).
enum class EndReason : std::uint8_t { idle = 1, active = 2, end_detected = 3, forced = 4, no_resources = 5 };

/// Closed flows on their way out, in the order in which they were closed.
///
/// The engine stops taking packets once `wanted` records are there. One packet may close a few more than one
/// flow, so there is room for kSlack records beyond.
class RecordBatch {
 public:
  static constexpr std::size_t kSlack = 4;

  explicit RecordBatch(std::size_t wanted) : wanted_(wanted), records_(new FlowRecord[wanted + kSlack]) {}
  ~RecordBatch() { delete[] records_; }
  RecordBatch(const RecordBatch&) = delete;
  RecordBatch& operator=(const RecordBatch&) = delete;

  bool full() const { return size_ >= wanted_; }
  std::size_t size() const { return size_; }
  const FlowRecord* data() const { return records_; }
  FlowRecord& append() { return records_[size_++]; }

 private:
  std::size_t wanted_;
  std::size_t size_ = 0;
  FlowRecord* records_;
};

}  // namespace flowedge
