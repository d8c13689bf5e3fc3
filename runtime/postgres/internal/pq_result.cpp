#include "dbs/runtime/postgres/internal/pq_result.hpp"

#include <charconv>
#include <optional>
#include <string_view>

namespace dbs::postgres::internal {

pg_column column_of(const PGresult& answer, size_t index) {
  auto i = static_cast<int>(index);
  return {PQfname(&answer, i), PQftype(&answer, i), static_cast<uint8_t>(PQfformat(&answer, i))};
}

uint64_t affected_rows(PGresult& answer) {
  uint64_t result = 0;
  std::string_view count = PQcmdTuples(&answer);
  std::from_chars(count.data(), count.data() + count.size(), result);
  return result;
}

caf::expected<pg_result> to_pg_result(PGresult& answer) {
  auto describe_column = [&answer](size_t index) { return column_of(answer, index); };
  auto cell = [&answer](size_t row, size_t col) -> std::optional<std::string_view> {
    auto r = static_cast<int>(row);
    auto c = static_cast<int>(col);
    if (PQgetisnull(&answer, r, c) != 0)
      return std::nullopt;
    return std::string_view{PQgetvalue(&answer, r, c),
                            static_cast<size_t>(PQgetlength(&answer, r, c))};
  };
  return pg_result::build(static_cast<size_t>(PQnfields(&answer)),
                          static_cast<size_t>(PQntuples(&answer)), describe_column, cell,
                          PQcmdStatus(&answer), affected_rows(answer));
}

} // namespace dbs::postgres::internal
