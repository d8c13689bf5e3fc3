#include "dbs/messages/postgres/timestamp.hpp"

#include <cstdint>
#include <optional>

namespace dbs {

namespace {

using namespace std::chrono;
using time_point = system_clock::time_point;

constexpr pg_problem not_a_timestamp = "is not a timestamp in ISO format";
constexpr pg_problem out_of_range = "is a timestamp beyond the years 1678 to 2261";

constexpr int first_year = 1678;
constexpr int last_year = 2261;

void append_digits(std::string& out, int64_t value, size_t width) {
  auto position = out.size();
  out.append(width, '0');
  for (auto i = width; i > 0; --i, value /= 10)
    out[position + i - 1] = static_cast<char>('0' + value % 10);
}

/// Reads from the front of a text; every function says whether it found what it
/// looked for.
struct reader {
  std::string_view text;

  bool literal(char c) {
    if (text.empty() || text[0] != c)
      return false;
    text.remove_prefix(1);
    return true;
  }

  bool number(size_t min_digits, size_t max_digits, int& out) {
    size_t n = 0;
    out = 0;
    for (; n < text.size() && n < max_digits && text[n] >= '0' && text[n] <= '9'; ++n)
      out = out * 10 + (text[n] - '0');
    text.remove_prefix(n);
    return n >= min_digits;
  }

  bool two_digits(int& out, int limit) { return number(2, 2, out) && out < limit; }

  /// The digits behind the point, as microseconds.
  bool fraction(int& out) {
    auto before = text.size();
    if (!number(1, 6, out))
      return false;
    for (auto digits = before - text.size(); digits < 6; ++digits)
      out *= 10;
    return true;
  }

  /// `+05`, `-03:30`, `+00:53:28`, or nothing.
  bool offset(seconds& out) {
    auto sign = text.empty() ? ' ' : text[0];
    if (sign != '+' && sign != '-')
      return true;
    text.remove_prefix(1);
    int h = 0;
    int m = 0;
    int s = 0;
    if (!two_digits(h, 24) || (literal(':') && !two_digits(m, 60)) ||
        (literal(':') && !two_digits(s, 60)))
      return false;
    out = hours{h} + minutes{m} + seconds{s};
    if (sign == '-')
      out = -out;
    return true;
  }
};

} // namespace

pg_problem pg_codec<time_point>::encode(const time_point& x, std::string& out) {
  if (x == time_point::max() || x == time_point::min()) {
    out += x == time_point::max() ? "infinity" : "-infinity";
    return nullptr;
  }
  auto time = floor<microseconds>(x);
  auto day = floor<days>(time);
  year_month_day date{day};
  hh_mm_ss clock{time - day};
  append_digits(out, static_cast<int>(date.year()), 4);
  out += '-';
  append_digits(out, static_cast<unsigned>(date.month()), 2);
  out += '-';
  append_digits(out, static_cast<unsigned>(date.day()), 2);
  out += ' ';
  append_digits(out, clock.hours().count(), 2);
  out += ':';
  append_digits(out, clock.minutes().count(), 2);
  out += ':';
  append_digits(out, clock.seconds().count(), 2);
  out += '.';
  append_digits(out, clock.subseconds().count(), 6);
  out += "+00";
  return nullptr;
}

pg_problem pg_codec<time_point>::decode(std::string_view text, time_point& out) {
  if (text == "infinity" || text == "-infinity") {
    out = text[0] == 'i' ? time_point::max() : time_point::min();
    return nullptr;
  }
  reader in{text};
  int y = 0;
  int mo = 0;
  int d = 0;
  int h = 0;
  int mi = 0;
  int s = 0;
  int us = 0;
  seconds offset{0};
  // PostgreSQL's last year is 294276.
  if (!in.number(4, 6, y) || !in.literal('-') || !in.two_digits(mo, 13) || !in.literal('-') ||
      !in.two_digits(d, 32) || !in.literal(' ') || !in.two_digits(h, 24) || !in.literal(':') ||
      !in.two_digits(mi, 60) || !in.literal(':') || !in.two_digits(s, 60) ||
      (in.literal('.') && !in.fraction(us)) || !in.offset(offset))
    return not_a_timestamp;
  if (in.text == " BC")
    return out_of_range;
  if (!in.text.empty())
    return not_a_timestamp;
  if (y < first_year || y > last_year)
    return mo > 0 && d > 0 ? out_of_range : not_a_timestamp;
  year_month_day date{year{y}, month{static_cast<unsigned>(mo)}, day{static_cast<unsigned>(d)}};
  if (!date.ok())
    return not_a_timestamp;
  out = sys_days{date} + hours{h} + minutes{mi} + seconds{s} + microseconds{us} - offset;
  return nullptr;
}

} // namespace dbs
