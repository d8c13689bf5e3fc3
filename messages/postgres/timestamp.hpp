// Points in time, for columns of PostgreSQL's types timestamptz and timestamp.
#pragma once

#include "dbs/messages/postgres/codec.hpp"

#include <chrono>

namespace dbs {

/// Written in UTC as `2024-01-31 12:00:00.123456+00`; fractions below PostgreSQL's
/// microsecond are rounded down.
///
/// Reads ISO output (the default DateStyle) with any numeric offset. A timestamp
/// without time zone is taken as UTC. Years before 1678 and after 2261, BC dates
/// among them, do not fit into `std::chrono::system_clock` and are refused.
///
/// `infinity` and `-infinity` are `time_point::max()` and `time_point::min()`, both
/// ways.
template <>
struct pg_codec<std::chrono::system_clock::time_point> {
  using time_point = std::chrono::system_clock::time_point;

  static pg_problem encode(const time_point& x, std::string& out);

  static pg_problem decode(std::string_view text, time_point& out);
};

} // namespace dbs
