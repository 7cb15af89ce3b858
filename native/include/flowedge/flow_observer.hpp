#pragma once
#include <cstddef>
#include <cstdint>

#include "flowedge/record.hpp"

namespace flowedge {

/// Is told, in order, which flow each packet reaches and which flows end. A flow's number is its own until it ends and
/// may then be another's.
class FlowObserver {
 public:
  virtual ~FlowObserver() = default;
  /// `packet`: its place in the block that the engine is processing.
  virtual void reached(std::uint32_t flow, std::size_t packet) = 0;
  virtual void closed(std::uint32_t flow, const FlowRecord& record) = 0;
  /// The flow ended without a record (mode cicflowmeter prints no flow of one packet).
  virtual void discarded(std::uint32_t flow) = 0;
};

}  // namespace flowedge
