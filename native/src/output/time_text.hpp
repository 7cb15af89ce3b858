#pragma once
#include <cstddef>
#include <cstdint>

#include "flowedge/selection.hpp"

namespace flowedge {

/// No time's text is longer: "2020-09-13 12:26:40.123456".
inline constexpr std::size_t kMaxTimeText = 26;

/// Writes a time, given in nanoseconds since 1970 (any value), in UTC; returns where the text ends.
char* write_time(char* to, std::int64_t time_ns, TimeText style);

}  // namespace flowedge
