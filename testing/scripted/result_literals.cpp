#include "dbs/testing/scripted/result_literals.hpp"

#include <charconv>
#include <stdexcept>

namespace dbs::testing {

namespace {

/// PostgreSQL's `text`.
constexpr uint32_t text_oid = 25;

void check_row(const pg_params& row, size_t columns, size_t number) {
  auto problem = row.error();
  if (problem.empty() && row.size() != columns)
    problem =
        "has " + std::to_string(row.size()) + " values for " + std::to_string(columns) + " columns";
  if (!problem.empty())
    throw std::logic_error("row " + std::to_string(number) + " " + problem);
}

} // namespace

pg_result query_result(const std::vector<std::string>& columns,
                       const std::vector<pg_params>& rows) {
  for (size_t i = 0; i < rows.size(); ++i)
    check_row(rows[i], columns.size(), i);
  auto column = [&](size_t i) { return pg_column{columns[i], text_oid, 0}; };
  auto cell = [&](size_t row, size_t i) -> std::optional<std::string_view> {
    if (rows[row].is_null(i))
      return std::nullopt;
    return rows[row].c_str(i);
  };
  auto result = pg_result::build(columns.size(), rows.size(), column, cell,
                                 "SELECT " + std::to_string(rows.size()), rows.size());
  if (!result)
    throw std::logic_error("the rows of a literal result are too large");
  return std::move(*result);
}

pg_result command_result(std::string_view tag) {
  uint64_t affected = 0;
  auto number = tag.substr(tag.find_last_of(' ') + 1);
  std::from_chars(number.data(), number.data() + number.size(), affected);
  auto none = [](auto...) { return std::optional<std::string_view>{}; };
  return *pg_result::build(
      0, 0, [](size_t) { return pg_column{}; }, none, tag, affected);
}

} // namespace dbs::testing
