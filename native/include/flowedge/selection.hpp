#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "flowedge/columns.hpp"
#include "flowedge/mode.hpp"

namespace flowedge {

/// What a user asked to see.
struct SelectionRequest {
  Mode mode = Mode::netflower;
  NameScheme names = NameScheme::netflower;
  std::vector<std::string> columns;  ///< our names or the scheme's; empty: all the mode and the scheme have
  std::vector<std::string> extra;    ///< names from FLOWEDGE_EXTRA_COLUMNS, or "label"
  std::string label = "NeedManualLabel";
};

/// What stands in an output column.
enum class Content : std::uint8_t { value, flow_id, label };

/// How a time of day is written in text formats (Arrow always gets seconds as a number).
enum class TimeText : std::uint8_t {
  epoch,            ///< 1600000000.123456789
  cicflowmeter,     ///< 13/09/2020 12:26:40 PM
  engelen,          ///< 2020-09-13 12:26:40.123456
  day_month_year,   ///< 13/09/2020 12:26:40, as the CICIDS2017 and CSE-CIC-IDS2018 files have it; all in UTC
};

struct OutputColumn {
  Content content;
  const Column* column;  ///< nullptr unless `value`
  std::string header;
  double scale;          ///< factor from the record's unit to the scheme's (durations between s and us), else 1
};

/// The columns of an output, resolved once: no name is looked up per row.
class Selection {
 public:
  /// False, with one sentence in `problem` that names the nearest known name, if the request cannot be met.
  static bool make(const SelectionRequest& request, Selection& selection, std::string& problem);

  const std::vector<OutputColumn>& columns() const { return columns_; }
  TimeText time_text() const { return time_text_; }
  const std::string& label() const { return label_; }
  Mode mode() const { return mode_; }

 private:
  std::vector<OutputColumn> columns_;
  TimeText time_text_ = TimeText::epoch;
  std::string label_;
  Mode mode_ = Mode::netflower;
};

}  // namespace flowedge
