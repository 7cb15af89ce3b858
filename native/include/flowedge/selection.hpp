#pragma once
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "flowedge/columns.hpp"
#include "flowedge/mode.hpp"

namespace flowedge {

/// What a user asked to see. All texts are UTF-8.
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
  epoch,           ///< 1600000000.123456789
  cicflowmeter,    ///< 13/09/2020 12:26:40 PM
  engelen,         ///< 2020-09-13 12:26:40.123456 (.123 if that is all there is, nothing for a whole second)
  day_month_year,  ///< 13/09/2020 12:26:40, as the CICIDS2017 and CSE-CIC-IDS2018 files have it; all in UTC
};

/// From the record's unit to the scheme's.
enum class UnitChange : std::uint8_t { none, to_microseconds, to_seconds };

struct OutputColumn {
  Content content;
  const Column* column;  ///< nullptr unless `value`
  std::string header;
  UnitChange change;
  /// The second ` Fwd Header Length` of the CICIDS2017 files. Formats whose names must differ leave it out.
  bool repeated;
};

/// The columns of an output, resolved once: no name is looked up per row.
///
/// Scheme netflower has the order of the column list. The others have CICFlowMeter's: Flow ID first, Label
/// last, and in mode engelen (which only netflower and cicflowmeter can name) the head of that fork.
class Selection {
 public:
  /// False, with one sentence in `problem` that names the nearest known name, if the request cannot be met.
  static bool make(const SelectionRequest& request, Selection& selection, std::string& problem);

  const std::vector<OutputColumn>& columns() const { return columns_; }
  TimeText time_text() const { return time_text_; }
  /// Unit of the durations in the output.
  TimeUnit durations() const { return durations_; }
  const std::string& label() const { return label_; }
  Mode mode() const { return mode_; }

 private:
  std::vector<OutputColumn> columns_;
  TimeText time_text_ = TimeText::epoch;
  TimeUnit durations_ = TimeUnit::seconds;
  std::string label_;
  Mode mode_ = Mode::netflower;
};

/// Seconds to microseconds such that 0.000123 s is 123 us, and not 123.00000000000001: a double that is the
/// nearest to a whole number of nanoseconds goes by way of that number, any other (a mean, say) is multiplied.
inline double seconds_to_microseconds(double seconds) {
  const double nanoseconds = std::rint(seconds * 1e9);
  return nanoseconds / 1e9 == seconds ? nanoseconds / 1e3 : seconds * 1e6;
}

/// Microseconds to seconds: a division, and so correctly rounded.
inline double change_unit(double value, UnitChange change) {
  switch (change) {
    case UnitChange::none:
      return value;
    case UnitChange::to_microseconds:
      return seconds_to_microseconds(value);
    case UnitChange::to_seconds:
      return value / 1e6;
  }
  return value;
}

}  // namespace flowedge
