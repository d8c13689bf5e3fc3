#include "dbs/messages/postgres/timestamp.hpp"

#include "dbs/messages/postgres/internal/binary.hpp"
#include "dbs/messages/postgres/internal/time_text.hpp"
#include "dbs/messages/postgres/type_oid.hpp"

#include <algorithm>
#include <cstdint>
#include <limits>

namespace dbs {

namespace {

using namespace std::chrono;
using internal::append_digits;
using internal::text_reader;
using micros = sys_time<microseconds>;
using limits = std::numeric_limits<int64_t>;

constexpr pg_problem not_a_timestamp = "is not a timestamp in ISO format";

// -- the calendar ------------------------------------------------------------------

// That of std::chrono ends in the year 32767, the server's in 294276. Both functions
// are Howard Hinnant's, "chrono-Compatible Low-Level Date Algorithms"; years begin in
// March, and 400 of them are an era of 146,097 days.

struct civil_date {
  /// 0 is 1 BC.
  int64_t year = 0;
  int month = 0;
  int day = 0;
};

constexpr int64_t days_of_era = 146'097;
constexpr int64_t epoch_in_eras = 719'468;

constexpr int64_t floor_div(int64_t x, int64_t y) {
  return x >= 0 ? x / y : (x + 1) / y - 1;
}

/// Days since 1970.
constexpr int64_t days_from(const civil_date& x) {
  auto y = x.month <= 2 ? x.year - 1 : x.year;
  auto era = floor_div(y, 400);
  auto year_of_era = y - era * 400;
  auto day_of_year = (153 * (x.month > 2 ? x.month - 3 : x.month + 9) + 2) / 5 + x.day - 1;
  auto day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  return era * days_of_era + day_of_era - epoch_in_eras;
}

constexpr civil_date civil_from(int64_t days) {
  days += epoch_in_eras;
  auto era = floor_div(days, days_of_era);
  auto day_of_era = days - era * days_of_era;
  auto year_of_era =
      (day_of_era - day_of_era / 1460 + day_of_era / 36'524 - day_of_era / 146'096) / 365;
  auto day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  auto march_month = (5 * day_of_year + 2) / 153;
  auto month = march_month < 10 ? march_month + 3 : march_month - 9;
  return {year_of_era + era * 400 + (month <= 2 ? 1 : 0), static_cast<int>(month),
          static_cast<int>(day_of_year - (153 * march_month + 2) / 5 + 1)};
}

constexpr bool exists(const civil_date& x) {
  if (x.month < 1 || x.month > 12 || x.day < 1)
    return false;
  auto after = x.month == 12 ? civil_date{x.year + 1, 1, 1} : civil_date{x.year, x.month + 1, 1};
  return x.day <= days_from(after) - days_from({x.year, x.month, 1});
}

constexpr int64_t days_since_1970(int year) {
  return days_from({year, 1, 1});
}

// -- what the types hold -----------------------------------------------------------

constexpr int64_t day = 86'400'000'000;

struct whole_days {
  int64_t first;
  int64_t end;
};

template <class D>
constexpr whole_days range{days_since_1970(1678), days_since_1970(2262)};

template <>
constexpr whole_days range<microseconds>{limits::min() / day + 2, days_since_1970(294'247)};

template <class D>
pg_problem narrow(int64_t since_1970, sys_time<D>& out) {
  if (since_1970 < range<D>.first * day || since_1970 >= range<D>.end * day) {
    if constexpr (std::same_as<D, microseconds>)
      return "is a timestamp beyond the year 294246";
    else
      return "is a timestamp beyond the years 1678 to 2261";
  }
  out = micros{microseconds{since_1970}};
  return nullptr;
}

// -- text --------------------------------------------------------------------------

/// `+05`, `-03:30`, `+00:53:28`, or nothing, in seconds.
bool read_offset(text_reader& in, int& out) {
  auto negative = in.literal('-');
  if (!negative && !in.literal('+'))
    return true;
  int h = 0;
  int m = 0;
  int s = 0;
  if (!in.two_digits(h, 24) || (in.literal(':') && !in.two_digits(m, 60)) ||
      (in.literal(':') && !in.two_digits(s, 60)))
    return false;
  out = (negative ? -1 : 1) * (h * 3600 + m * 60 + s);
  return true;
}

/// A timestamp as it is printed.
struct printed_time {
  civil_date date;
  int64_t of_day = 0;

  bool take_from(std::string_view text) {
    text_reader in{text};
    uint64_t y = 0;
    int h = 0;
    int m = 0;
    int s = 0;
    int us = 0;
    int offset = 0;
    // PostgreSQL's last year is 294276.
    if (!in.number(4, 6, y) || !in.literal('-') || !in.two_digits(date.month, 13) ||
        !in.literal('-') || !in.two_digits(date.day, 32) || !in.literal(' ') ||
        !in.two_digits(h, 24) || !in.literal(':') || !in.two_digits(m, 60) || !in.literal(':') ||
        !in.two_digits(s, 60) || (in.literal('.') && !in.fraction(us)) || !read_offset(in, offset))
      return false;
    date.year = in.text == " BC" ? 1 - static_cast<int64_t>(y) : static_cast<int64_t>(y);
    of_day = int64_t{h * 3600 + m * 60 + s - offset} * 1'000'000 + us;
    return (in.text.empty() || in.text == " BC") && y > 0 && exists(date);
  }
};

} // namespace

template <class D>
requires std::same_as<D, nanoseconds> || std::same_as<D, microseconds>
    pg_problem pg_codec<sys_time<D>>::encode(const time_point& x, std::string& out) {
  if (x == time_point::max() || x == time_point::min()) {
    out += x == time_point::max() ? "infinity" : "-infinity";
    return nullptr;
  }
  auto since_1970 = floor<microseconds>(x).time_since_epoch().count();
  auto date = civil_from(floor_div(since_1970, day));
  auto of_day = static_cast<uint64_t>((since_1970 % day + day) % day);
  auto s = of_day / 1'000'000;
  auto digits = [&out](uint64_t number, size_t width, char behind) {
    append_digits(out, number, width);
    out += behind;
  };
  digits(static_cast<uint64_t>(date.year > 0 ? date.year : 1 - date.year), 4, '-');
  digits(static_cast<uint64_t>(date.month), 2, '-');
  digits(static_cast<uint64_t>(date.day), 2, ' ');
  digits(s / 3600, 2, ':');
  digits(s % 3600 / 60, 2, ':');
  digits(s % 60, 2, '.');
  append_digits(out, of_day % 1'000'000, 6);
  out += date.year > 0 ? "+00" : "+00 BC";
  return nullptr;
}

template <class D>
requires std::same_as<D, nanoseconds> || std::same_as<D, microseconds>
    pg_problem pg_codec<sys_time<D>>::decode(std::string_view text, time_point& out) {
  if (text == "infinity" || text == "-infinity") {
    out = text[0] == 'i' ? time_point::max() : time_point::min();
    return nullptr;
  }
  printed_time in;
  if (!in.take_from(text))
    return not_a_timestamp;
  // Beyond the limits of the type, but not so far that what follows would wrap.
  auto days = std::clamp(days_from(in.date), limits::min() / day + 1, limits::max() / day - 2);
  return narrow(days * day + in.of_day, out);
}

template <class D>
requires std::same_as<D, nanoseconds> || std::same_as<D, microseconds>
    pg_problem pg_codec<sys_time<D>>::decode_binary(const pg_binary& from, time_point& out) {
  if (from.type_oid != pg_oid::timestamptz && from.type_oid != pg_oid::timestamp)
    return internal::wrong_type;
  int64_t since_2000 = 0;
  if (!internal::take_all(from.bytes, since_2000))
    return internal::broken_binary;
  if (since_2000 == limits::max() || since_2000 == limits::min()) {
    out = since_2000 == limits::max() ? time_point::max() : time_point::min();
    return nullptr;
  }
  constexpr auto epoch = days_since_1970(2000) * day;
  auto since_1970 = since_2000 > limits::max() - epoch ? limits::max() : since_2000 + epoch;
  return narrow(since_1970, out);
}

template struct pg_codec<sys_time<nanoseconds>>;
template struct pg_codec<sys_time<microseconds>>;

} // namespace dbs
