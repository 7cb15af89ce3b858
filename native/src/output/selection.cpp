#include "flowedge/selection.hpp"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <numeric>
#include <string_view>
#include <utility>

namespace flowedge {
namespace {

using Columns = std::vector<OutputColumn>;

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(' ');
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(' ') - first + 1);
}

std::string quoted(std::string_view text) {
  return "\"" + std::string(text) + "\"";
}

TimeUnit durations_of(NameScheme scheme) {
  return scheme == NameScheme::netflower ? TimeUnit::seconds : TimeUnit::microseconds;
}

TimeText time_text_of(NameScheme scheme, Mode mode) {
  switch (scheme) {
    case NameScheme::netflower:
      return TimeText::epoch;
    case NameScheme::cicflowmeter:
      return mode == Mode::engelen ? TimeText::engelen : TimeText::cicflowmeter;
    default:
      return TimeText::day_month_year;
  }
}

UnitChange change_of(Unit unit, Mode mode, NameScheme scheme) {
  if (unit != Unit::duration || time_unit(mode) == durations_of(scheme)) return UnitChange::none;
  return durations_of(scheme) == TimeUnit::seconds ? UnitChange::to_seconds : UnitChange::to_microseconds;
}

bool mode_has(Mode mode, const Column& column) {
  return column.group != ColumnGroup::engelen || mode == Mode::engelen;
}

bool scheme_can_name(NameScheme scheme, Mode mode) {
  return std::all_of(kColumns, kColumns + kColumnCount, [=](const Column& column) {
    return !mode_has(mode, column) || column.names[static_cast<std::size_t>(scheme)] != nullptr;
  });
}

OutputColumn value_column(const Column& column, Mode mode, NameScheme scheme) {
  return {Content::value, &column, column.names[static_cast<std::size_t>(scheme)], change_of(column.unit, mode, scheme),
          false};
}

OutputColumn flow_id_column(NameScheme scheme) {
  return {Content::flow_id, nullptr, scheme == NameScheme::netflower ? "flow_id" : "Flow ID", UnitChange::none, false};
}

OutputColumn label_column(NameScheme scheme) {
  const char* header = "Label";
  if (scheme == NameScheme::netflower) header = "label";
  if (scheme == NameScheme::cicids2017) header = " Label";
  return {Content::label, nullptr, header, UnitChange::none, false};
}

/// Our name of a column, whatever its header in a scheme.
std::string_view own_name(const OutputColumn& output) {
  switch (output.content) {
    case Content::value:
      return output.column->name;
    case Content::flow_id:
      return "flow_id";
    case Content::label:
      return "label";
  }
  return {};
}

bool is_extra(const OutputColumn& output) {
  return output.content == Content::label ||
         (output.content == Content::value && output.column->group == ColumnGroup::extra);
}

/// Everything that may be asked for, in the order of the list.
Columns known_columns(Mode mode, NameScheme scheme) {
  Columns known;
  known.push_back(flow_id_column(scheme));
  for (std::size_t i = 0; i < kColumnCount; ++i) {
    if (mode_has(mode, kColumns[i])) known.push_back(value_column(kColumns[i], mode, scheme));
  }
  known.push_back(label_column(scheme));
  return known;
}

void order_as_cicflowmeter(Columns& columns) {
  std::sort(columns.begin(), columns.end(),
            [](const OutputColumn& a, const OutputColumn& b) { return a.column->position < b.column->position; });
}

/// The published files of 2017 give the forward header length twice.
void repeat_fwd_header_length(Columns& columns) {
  const auto named = [&](std::string_view name) {
    return std::find_if(columns.begin(), columns.end(), [=](const auto& c) { return own_name(c) == name; });
  };
  OutputColumn again = *named("fwd_header_len");
  again.repeated = true;
  columns.insert(named("bwd_seg_size_avg") + 1, again);
}

Columns default_columns(const Columns& known, NameScheme scheme) {
  Columns columns;
  std::copy_if(known.begin(), known.end(), std::back_inserter(columns),
               [](const OutputColumn& c) { return c.content == Content::value && !is_extra(c); });
  if (scheme == NameScheme::netflower) return columns;
  order_as_cicflowmeter(columns);
  if (scheme == NameScheme::cicids2017) repeat_fwd_header_length(columns);
  columns.insert(columns.begin(), flow_id_column(scheme));
  columns.push_back(label_column(scheme));
  return columns;
}

/// Levenshtein's distance, without regard to ASCII case.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t replace = diagonal + (lower(a[i]) == lower(b[j]) ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replace, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row.back();
}

std::string_view nearest_name(const Columns& known, std::string_view wanted) {
  std::string_view nearest;
  std::size_t least = static_cast<std::size_t>(-1);
  for (const OutputColumn& column : known) {
    for (const std::string_view name : {own_name(column), trimmed(column.header)}) {
      const std::size_t distance = edit_distance(wanted, name);
      if (distance < least) {
        least = distance;
        nearest = name;
      }
    }
  }
  return nearest;
}

bool same_column(const OutputColumn& a, const OutputColumn& b) {
  return a.content == b.content && a.column == b.column;
}

bool is_engelen_column(std::string_view name) {
  return std::any_of(kColumns, kColumns + kColumnCount, [=](const Column& column) {
    if (column.group != ColumnGroup::engelen) return false;
    return name == column.name || name == column.names[static_cast<std::size_t>(NameScheme::cicflowmeter)];
  });
}

std::string unknown_name(std::string_view kind, const Columns& known, std::string_view wanted) {
  if (is_engelen_column(wanted)) return "the column " + quoted(wanted) + " is in the mode engelen alone";
  return "there is no " + std::string(kind) + " " + quoted(wanted) + "; the nearest name is " +
         quoted(nearest_name(known, wanted));
}

/// Appends the column of that name; false, with the reason, if there is none or it was there before.
bool append_named(std::string_view kind, const Columns& known, const std::string& name, Columns& columns,
                  std::string& problem) {
  const std::string_view wanted = trimmed(name);
  const auto found = std::find_if(known.begin(), known.end(), [=](const OutputColumn& c) {
    return wanted == own_name(c) || wanted == trimmed(c.header);
  });
  if (found == known.end()) {
    problem = unknown_name(kind, known, wanted);
    return false;
  }
  if (std::any_of(columns.begin(), columns.end(), [&](const auto& c) { return same_column(c, *found); })) {
    problem = "the column " + quoted(wanted) + " would be there twice; leave one out";
    return false;
  }
  columns.push_back(*found);
  return true;
}

bool append_all(std::string_view kind, const Columns& known, const std::vector<std::string>& names, Columns& columns,
                std::string& problem) {
  return std::all_of(names.begin(), names.end(),
                     [&](const std::string& name) { return append_named(kind, known, name, columns, problem); });
}

}  // namespace

bool Selection::make(const SelectionRequest& request, Selection& selection, std::string& problem) {
  if (!scheme_can_name(request.names, request.mode)) {
    problem = std::string("the mode engelen has columns that the name scheme ") + scheme_name(request.names) +
              " cannot name; use the names netflower or cicflowmeter";
    return false;
  }
  const Columns known = known_columns(request.mode, request.names);
  Columns columns;
  if (request.columns.empty()) columns = default_columns(known, request.names);
  if (!append_all("column", known, request.columns, columns, problem)) return false;
  Columns extras;
  std::copy_if(known.begin(), known.end(), std::back_inserter(extras), is_extra);
  if (!append_all("extra column", extras, request.extra, columns, problem)) return false;
  selection.columns_ = std::move(columns);
  selection.time_text_ = time_text_of(request.names, request.mode);
  selection.durations_ = durations_of(request.names);
  selection.label_ = request.label;
  selection.mode_ = request.mode;
  return true;
}

}  // namespace flowedge
