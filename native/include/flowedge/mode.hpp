#pragma once
#include <cstdint>

namespace flowedge {

/// Whose definitions a flow's values follow.
enum class Mode : std::uint8_t { netflower, cicflowmeter, engelen, corrected };

/// Unit of the durations in the records of a mode.
enum class TimeUnit : std::uint8_t { seconds, microseconds };

constexpr TimeUnit time_unit(Mode mode) {
  return mode == Mode::cicflowmeter || mode == Mode::engelen ? TimeUnit::microseconds : TimeUnit::seconds;
}

}  // namespace flowedge
