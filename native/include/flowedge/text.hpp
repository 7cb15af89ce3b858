#pragma once
#include <cstddef>
#include <string>

#include "flowedge/record.hpp"
#include "flowedge/selection.hpp"

namespace flowedge {

/// CSV after RFC 4180, but with "\n" between lines. A number has the fewest digits that read back to the same
/// double, a whole one no decimal point ("60"); "NaN", "Infinity" and "-Infinity" are Java's words, as pandas
/// reads them. The times of day are exact to the nanosecond (from first_ns).
void append_csv_header(const Selection& selection, std::string& out);
void append_csv(const Selection& selection, const FlowRecord* records, std::size_t count, std::string& out);

/// JSON lines: an object a row; a value that JSON cannot write (NaN, infinity) is null.
void append_jsonl(const Selection& selection, const FlowRecord* records, std::size_t count, std::string& out);

}  // namespace flowedge
