#include "time_text.hpp"

#include <cstring>

#include "number_text.hpp"

namespace flowedge {
namespace {

constexpr std::int64_t kNanosecondsPerSecond = 1'000'000'000;
constexpr std::int64_t kSecondsPerDay = 86'400;

struct Civil {
  unsigned year, month, day, hour, minute, second;
  unsigned nanosecond;
};

std::int64_t floor_divide(std::int64_t value, std::int64_t divisor) {
  return value / divisor - (value % divisor < 0 ? 1 : 0);
}

/// Days since 1970 to a date of the Gregorian calendar, counted in eras of 400 years that begin on 1 March
/// (so that a leap day is the last of its year). Right from the year 0 on; 64-bit nanoseconds begin in 1677.
void set_date(Civil& civil, std::int64_t days_since_1970) {
  constexpr unsigned kDaysPerEra = 146'097;
  constexpr unsigned kDaysTo1970 = 719'468;  // from 1 March of the year 0
  const unsigned days = static_cast<unsigned>(days_since_1970 + kDaysTo1970);
  const unsigned era = days / kDaysPerEra;
  const unsigned day_of_era = days % kDaysPerEra;
  const unsigned year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36'524 - day_of_era / 146'096) / 365;
  const unsigned day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const unsigned month_from_march = (5 * day_of_year + 2) / 153;
  civil.day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
  civil.month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;
  civil.year = year_of_era + era * 400 + (civil.month <= 2 ? 1 : 0);
}

Civil civil_of(std::int64_t time_ns) {
  const std::int64_t seconds = floor_divide(time_ns, kNanosecondsPerSecond);
  const std::int64_t days = floor_divide(seconds, kSecondsPerDay);
  const unsigned second_of_day = static_cast<unsigned>(seconds - days * kSecondsPerDay);
  Civil civil{};
  set_date(civil, days);
  civil.hour = second_of_day / 3600;
  civil.minute = second_of_day / 60 % 60;
  civil.second = second_of_day % 60;
  const std::int64_t below_second = time_ns % kNanosecondsPerSecond;
  civil.nanosecond = static_cast<unsigned>(below_second < 0 ? below_second + kNanosecondsPerSecond : below_second);
  return civil;
}

char* write_year(char* to, unsigned year) {
  to = write_two_digits(to, year / 100);
  return write_two_digits(to, year % 100);
}

char* write_clock(char* to, unsigned hour, const Civil& civil) {
  to = write_two_digits(to, hour);
  *to++ = ':';
  to = write_two_digits(to, civil.minute);
  *to++ = ':';
  return write_two_digits(to, civil.second);
}

/// "13/09/2020 " and what follows it.
char* write_day_month_year(char* to, const Civil& civil) {
  to = write_two_digits(to, civil.day);
  *to++ = '/';
  to = write_two_digits(to, civil.month);
  *to++ = '/';
  to = write_year(to, civil.year);
  *to++ = ' ';
  return to;
}

char* write_cicflowmeter(char* to, const Civil& civil) {
  to = write_day_month_year(to, civil);
  to = write_clock(to, civil.hour % 12 == 0 ? 12 : civil.hour % 12, civil);
  std::memcpy(to, civil.hour < 12 ? " AM" : " PM", 3);
  return to + 3;
}

/// Java's LocalDateTime: the fraction in groups of three digits, as many as there are.
char* write_engelen_fraction(char* to, unsigned microsecond) {
  if (microsecond == 0) return to;
  *to++ = '.';
  to = write_three_digits(to, microsecond / 1000);
  return microsecond % 1000 == 0 ? to : write_three_digits(to, microsecond % 1000);
}

char* write_engelen(char* to, const Civil& civil) {
  to = write_year(to, civil.year);
  *to++ = '-';
  to = write_two_digits(to, civil.month);
  *to++ = '-';
  to = write_two_digits(to, civil.day);
  *to++ = ' ';
  to = write_clock(to, civil.hour, civil);
  return write_engelen_fraction(to, civil.nanosecond / 1000);
}

/// Seconds since 1970 with nine decimals.
char* write_epoch(char* to, std::int64_t time_ns) {
  std::uint64_t magnitude = static_cast<std::uint64_t>(time_ns);
  if (time_ns < 0) {
    magnitude = 0 - magnitude;
    *to++ = '-';
  }
  to = write_number(to, magnitude / kNanosecondsPerSecond);
  *to++ = '.';
  return write_nine_digits(to, static_cast<std::uint32_t>(magnitude % kNanosecondsPerSecond));
}

}  // namespace

char* write_time(char* to, std::int64_t time_ns, TimeText style) {
  if (style == TimeText::epoch) return write_epoch(to, time_ns);
  const Civil civil = civil_of(time_ns);
  switch (style) {
    case TimeText::cicflowmeter:
      return write_cicflowmeter(to, civil);
    case TimeText::engelen:
      return write_engelen(to, civil);
    default:
      return write_clock(write_day_month_year(to, civil), civil.hour, civil);
  }
}

}  // namespace flowedge
