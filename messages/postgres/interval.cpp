// The text is that of EncodeInterval in the server's datetime.c.
#include "dbs/messages/postgres/interval.hpp"

#include "dbs/messages/postgres/internal/binary.hpp"
#include "dbs/messages/postgres/internal/time_text.hpp"
#include "dbs/messages/postgres/type_oid.hpp"

#include <limits>
#include <utility>

namespace dbs {

namespace {

using internal::append_digits;
using internal::text_reader;

constexpr uint64_t second = 1'000'000;
constexpr uint64_t minute = 60 * second;
constexpr uint64_t hour = 60 * minute;

template <class T>
using limits = std::numeric_limits<T>;

constexpr pg_interval infinite{limits<int32_t>::max(), limits<int32_t>::max(),
                               limits<int64_t>::max()};
constexpr pg_interval minus_infinite{limits<int32_t>::min(), limits<int32_t>::min(),
                                     limits<int64_t>::min()};

// -- writing ---------------------------------------------------------------------

uint64_t magnitude(int64_t x) {
  return x < 0 ? -static_cast<uint64_t>(x) : static_cast<uint64_t>(x);
}

/// A part has a sign of its own, which is spelled out behind a negative one.
struct interval_writer {
  std::string text;
  bool behind_negative = false;

  void sign(bool negative) {
    if (!text.empty())
      text += ' ';
    if (negative || behind_negative)
      text += negative ? '-' : '+';
    behind_negative = negative;
  }

  void part(int64_t count, const char* unit) {
    if (count == 0)
      return;
    sign(count < 0);
    text.append(std::to_string(magnitude(count))).append(" ").append(unit);
    if (count != 1)
      text += 's';
  }

  void calendar(const pg_interval& x) {
    part(x.months / 12, "year");
    part(x.months % 12, "mon");
    part(x.days, "day");
  }

  void clock(int64_t microseconds) {
    if (microseconds == 0 && !text.empty())
      return;
    sign(microseconds < 0);
    auto rest = magnitude(microseconds);
    append_digits(text, rest / hour, 2);
    text += ':';
    append_digits(text, rest % hour / minute, 2);
    text += ':';
    append_digits(text, rest % minute / second, 2);
    if (rest % second == 0)
      return;
    text += '.';
    append_digits(text, rest % second, 6);
    text.erase(text.find_last_not_of('0') + 1);
  }
};

// -- reading ---------------------------------------------------------------------

/// How much one of a unit adds to which part.
struct unit_size {
  int32_t pg_interval::*part;
  int64_t count;
  /// They come from the largest to the smallest.
  int rank;
};

std::optional<unit_size> unit_named(std::string_view name) {
  if (name == "year" || name == "years")
    return unit_size{&pg_interval::months, 12, 1};
  if (name == "mon" || name == "mons")
    return unit_size{&pg_interval::months, 1, 2};
  if (name == "day" || name == "days")
    return unit_size{&pg_interval::days, 1, 3};
  return std::nullopt;
}

bool add(pg_interval& to, bool negative, uint64_t count, unit_size unit) {
  // Beyond this it could wrap, and is too much anyway.
  if (count > limits<uint32_t>::max())
    return false;
  auto signed_count = static_cast<int64_t>(count) * (negative ? -1 : 1);
  auto sum = to.*unit.part + signed_count * unit.count;
  if (!std::in_range<int32_t>(sum))
    return false;
  to.*unit.part = static_cast<int32_t>(sum);
  return true;
}

/// What is behind the hours: ":05:06.789".
bool read_clock(text_reader& in, bool negative, uint64_t hours, int64_t& out) {
  int m = 0;
  int s = 0;
  int us = 0;
  if (!in.literal(':') || !in.two_digits(m, 60) || !in.literal(':') || !in.two_digits(s, 60) ||
      (in.literal('.') && !in.fraction(us)) || hours > limits<uint64_t>::max() / 2 / hour)
    return false;
  auto sum = hours * hour + static_cast<uint64_t>(m) * minute + static_cast<uint64_t>(s) * second +
             static_cast<uint64_t>(us);
  if (sum > static_cast<uint64_t>(limits<int64_t>::max()) + (negative ? 1 : 0))
    return false;
  out = static_cast<int64_t>(negative ? -sum : sum);
  return true;
}

} // namespace

std::string to_string(const pg_interval& x) {
  if (x == infinite)
    return "infinity";
  if (x == minus_infinite)
    return "-infinity";
  interval_writer out;
  out.calendar(x);
  out.clock(x.microseconds);
  return std::move(out.text);
}

std::optional<pg_interval> pg_interval::parse(std::string_view text) {
  if (text == "infinity" || text == "-infinity")
    return text[0] == 'i' ? infinite : minus_infinite;
  pg_interval result;
  text_reader in{text};
  auto rank = 0;
  do {
    auto negative = in.literal('-');
    if (!negative)
      in.literal('+');
    auto width = in.text.size();
    uint64_t count = 0;
    if (!in.number(1, 10, count))
      return std::nullopt;
    width -= in.text.size();
    if (!in.literal(' ')) { // the clock, which is the last
      if (width < 2 || !read_clock(in, negative, count, result.microseconds) || !in.text.empty())
        return std::nullopt;
      return result;
    }
    auto unit = unit_named(in.word());
    if (!unit || std::exchange(rank, unit->rank) >= unit->rank ||
        !add(result, negative, count, *unit))
      return std::nullopt;
  } while (in.literal(' '));
  return in.text.empty() ? std::optional{result} : std::nullopt;
}

pg_problem pg_codec<pg_interval>::encode(const pg_interval& x, std::string& out) {
  if (x.microseconds != minus_infinite.microseconds || x == minus_infinite) {
    out += to_string(x);
    return nullptr;
  }
  // The server prints this many as a clock, but does not read that.
  interval_writer text;
  text.calendar(x);
  text.part(x.microseconds, "microsecond");
  out += text.text;
  return nullptr;
}

pg_problem pg_codec<pg_interval>::decode(std::string_view text, pg_interval& out) {
  auto x = pg_interval::parse(text);
  if (!x)
    return "is not an interval in PostgreSQL's own style";
  out = *x;
  return nullptr;
}

pg_problem pg_codec<pg_interval>::decode_binary(const pg_binary& from, pg_interval& out) {
  if (from.type_oid != pg_oid::interval)
    return internal::wrong_type;
  auto rest = from.bytes;
  pg_interval x;
  if (!internal::take(rest, x.microseconds) || !internal::take(rest, x.days) ||
      !internal::take(rest, x.months) || !rest.empty())
    return internal::broken_binary;
  out = x;
  return nullptr;
}

} // namespace dbs
