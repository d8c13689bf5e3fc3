// One value as a parameter, and one text as a column.
#pragma once

#include "dbs/messages/postgres/params.hpp"
#include "dbs/messages/postgres/result.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace dbs::test {

/// The text that a value is sent as.
template <class T>
std::string sent(const T& x) {
  auto params = make_params(x);
  if (!params.error().empty())
    return "error: " + params.error();
  return params.is_null(0) ? "null" : params.c_str(0);
}

/// A result of one row with one column, "x".
inline pg_result one_cell(std::optional<std::string_view> text, uint32_t type_oid = 25,
                          uint8_t format = 0) {
  return *pg_result::build(
      1, 1,
      [=](size_t) {
        return pg_column{"x", type_oid, format};
      },
      [=](size_t, size_t) { return text; }, "SELECT 1", 1);
}

template <class T>
caf::expected<T> received(std::optional<std::string_view> text, uint32_t type_oid = 25,
                          uint8_t format = 0) {
  auto result = one_cell(text, type_oid, format);
  return result.row(0).get<T>(0);
}

/// The same of a column in binary.
template <class T>
caf::expected<T> received_binary(uint32_t type_oid, std::optional<std::string_view> bytes) {
  return received<T>(bytes, type_oid, 1);
}

} // namespace dbs::test
