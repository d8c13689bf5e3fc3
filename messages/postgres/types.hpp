// The C++ types that parameters are made of and columns are read as.
//
// | C++                              | PostgreSQL                               |
// |----------------------------------|------------------------------------------|
// | bool                             | boolean                                  |
// | all integers but char            | smallint, integer, bigint; numeric for   |
// |                                  | what only fits into uint64_t             |
// | float, double                    | real, double precision                   |
// | std::string, std::string_view    | text, and in text every other type       |
// | dbs::blob                        | bytea                                    |
// | system_clock::time_point and     | timestamptz, timestamp (timestamp.hpp)   |
// | sys_time<microseconds>           |                                          |
// | dbs::pg_interval                 | interval (interval.hpp)                  |
// | dbs::uuid                        | uuid (uuid.hpp)                          |
// | dbs::pg_numeric                  | numeric (numeric.hpp)                    |
// | dbs::pg_json                     | json, jsonb                              |
// | std::vector of these             | one-dimensional arrays (array.hpp)       |
//
// `std::optional` of any of them is null when empty. Types of your own specialise
// `pg_codec` (codec.hpp).
//
// Results are read the same in text and in binary. What is converted on the way is the
// same, too, but in binary only numbers are, and text that spells a value.
#pragma once

#include "dbs/messages/blob.hpp"
#include "dbs/messages/postgres/array.hpp"
#include "dbs/messages/postgres/codec.hpp"
#include "dbs/messages/postgres/interval.hpp"
#include "dbs/messages/postgres/numeric.hpp"
#include "dbs/messages/postgres/timestamp.hpp"
#include "dbs/messages/postgres/uuid.hpp"

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace dbs {

/// A JSON document as text. Neither way is it parsed: the server checks it.
struct pg_json {
  std::string text;

  friend bool operator==(const pg_json&, const pg_json&) = default;
};

/// Integers, without the types whose purpose is characters.
template <class T>
concept pg_integer = std::integral<T> && !std::same_as<T, bool> && !std::same_as<T, char> &&
                     !std::same_as<T, wchar_t> && !std::same_as<T, char8_t> &&
                     !std::same_as<T, char16_t> && !std::same_as<T, char32_t>;

namespace internal {

inline constexpr pg_problem integer_out_of_range = "is out of range for the integer type asked for";

void append_integer(std::string& out, int64_t x);
void append_integer(std::string& out, uint64_t x);
pg_problem parse_integer(std::string_view text, int64_t& out);
pg_problem parse_integer(std::string_view text, uint64_t& out);
pg_problem decode_integer(const pg_binary& from, int64_t& out);
pg_problem decode_integer(const pg_binary& from, uint64_t& out);

} // namespace internal

template <>
struct pg_codec<bool> {
  static pg_problem encode(bool x, std::string& out);
  static pg_problem decode(std::string_view text, bool& out);
  static pg_problem decode_binary(const pg_binary& from, bool& out);
};

/// Reads the whole text or nothing: "12abc", "1.0" and what is out of range are
/// refused.
template <pg_integer T>
struct pg_codec<T> {
  using widest = std::conditional_t<std::signed_integral<T>, int64_t, uint64_t>;

  static pg_problem encode(T x, std::string& out) {
    internal::append_integer(out, static_cast<widest>(x));
    return nullptr;
  }

  static pg_problem decode(std::string_view text, T& out) {
    widest x = 0;
    auto problem = internal::parse_integer(text, x);
    return problem != nullptr ? problem : narrow(x, out);
  }

  static pg_problem decode_binary(const pg_binary& from, T& out) {
    widest x = 0;
    auto problem = internal::decode_integer(from, x);
    return problem != nullptr ? problem : narrow(x, out);
  }

private:
  static pg_problem narrow(widest x, T& out) {
    if (!std::in_range<T>(x))
      return internal::integer_out_of_range;
    out = static_cast<T>(x);
    return nullptr;
  }
};

/// Writes the shortest text that reads back as the same number. Reading rounds to
/// the nearest number and refuses what is too large or too small for the type.
template <>
struct pg_codec<float> {
  static pg_problem encode(float x, std::string& out);
  static pg_problem decode(std::string_view text, float& out);
  static pg_problem decode_binary(const pg_binary& from, float& out);
};

template <>
struct pg_codec<double> {
  static pg_problem encode(double x, std::string& out);
  static pg_problem decode(std::string_view text, double& out);
  static pg_problem decode_binary(const pg_binary& from, double& out);
};

template <>
struct pg_codec<std::string> {
  static pg_problem encode(const std::string& x, std::string& out);
  static pg_problem decode(std::string_view text, std::string& out);
};

/// Reading gives a view into the result, valid as long as the result lives.
template <>
struct pg_codec<std::string_view> {
  static pg_problem encode(std::string_view x, std::string& out);
  static pg_problem decode(std::string_view text, std::string_view& out);
};

/// In text it is the hexadecimal format both ways (bytea_output = hex, the default).
template <>
struct pg_codec<blob> {
  static pg_problem encode(const blob& x, std::string& out);
  static pg_problem decode(std::string_view text, blob& out);
  static pg_problem decode_binary(const pg_binary& from, blob& out);
};

template <>
struct pg_codec<uuid> {
  static pg_problem encode(const uuid& x, std::string& out);
  static pg_problem decode(std::string_view text, uuid& out);
  static pg_problem decode_binary(const pg_binary& from, uuid& out);
};

template <>
struct pg_codec<pg_numeric> {
  static pg_problem encode(const pg_numeric& x, std::string& out);
  static pg_problem decode(std::string_view text, pg_numeric& out);
  static pg_problem decode_binary(const pg_binary& from, pg_numeric& out);
};

template <>
struct pg_codec<pg_json> {
  static pg_problem encode(const pg_json& x, std::string& out);
  static pg_problem decode(std::string_view text, pg_json& out);
};

} // namespace dbs
