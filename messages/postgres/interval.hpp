// Spans of time, for columns of PostgreSQL's type interval.
#pragma once

#include "dbs/messages/postgres/codec.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace dbs {

/// As the server keeps it, to the microsecond: the three parts are not converted into
/// one another, since a month has no fixed number of days nor a day of hours. Two
/// intervals are equal if all parts are, whereas the server takes a month for 30 days
/// when it compares.
///
/// From PostgreSQL 17 on, all parts at their greatest are `infinity`, and all at their
/// least `-infinity`; older servers refuse to take these.
struct pg_interval {
  int32_t months = 0;
  int32_t days = 0;
  int64_t microseconds = 0;

  /// Reads what the server prints under `intervalstyle = postgres`, such as
  /// "1 year 2 mons -3 days +04:05:06.789".
  static std::optional<pg_interval> parse(std::string_view text);

  friend bool operator==(const pg_interval&, const pg_interval&) = default;
};

/// As the server prints it under `intervalstyle = postgres`.
std::string to_string(const pg_interval& x);

template <>
struct pg_codec<pg_interval> {
  static pg_problem encode(const pg_interval& x, std::string& out);
  static pg_problem decode(std::string_view text, pg_interval& out);
  static pg_problem decode_binary(const pg_binary& from, pg_interval& out);
};

} // namespace dbs
