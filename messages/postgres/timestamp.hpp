// Points in time, for columns of PostgreSQL's types timestamptz and timestamp.
#pragma once

#include "dbs/messages/postgres/codec.hpp"

#include <chrono>
#include <concepts>

namespace dbs {

/// For `system_clock::time_point`, which counts nanoseconds, and
/// `std::chrono::sys_time<std::chrono::microseconds>`, which has PostgreSQL's precision
/// and most of its range.
///
/// Written in UTC as `2024-01-31 12:00:00.123456+00`; fractions below PostgreSQL's
/// microsecond are rounded down.
///
/// Reads ISO output (the default DateStyle) with any numeric offset. A timestamp
/// without time zone is taken as UTC. What the type cannot hold is refused: years
/// before 1678 and after 2261 in nanoseconds, and after 294246 in microseconds.
///
/// `infinity` and `-infinity` are `time_point::max()` and `time_point::min()`, both
/// ways.
template <class D>
requires std::same_as<D, std::chrono::nanoseconds> || std::same_as<D, std::chrono::microseconds>
struct pg_codec<std::chrono::sys_time<D>> {
  using time_point = std::chrono::sys_time<D>;

  static pg_problem encode(const time_point& x, std::string& out);

  static pg_problem decode(std::string_view text, time_point& out);

  static pg_problem decode_binary(const pg_binary& from, time_point& out);
};

extern template struct pg_codec<std::chrono::sys_time<std::chrono::nanoseconds>>;
extern template struct pg_codec<std::chrono::sys_time<std::chrono::microseconds>>;

} // namespace dbs
