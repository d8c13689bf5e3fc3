#include "dbs/runtime/postgres/pool_sql.hpp"

#include "dbs/runtime/postgres/identifier.hpp"

namespace dbs::postgres {

namespace {

constexpr size_t max_shown_sql = 200;

} // namespace

std::string begin_sql(const pg_transaction& what) {
  std::string result = "BEGIN";
  switch (what.isolation) {
  case pg_isolation::server_default:
    break;
  case pg_isolation::read_committed:
    result += " ISOLATION LEVEL READ COMMITTED";
    break;
  case pg_isolation::repeatable_read:
    result += " ISOLATION LEVEL REPEATABLE READ";
    break;
  case pg_isolation::serializable:
    result += " ISOLATION LEVEL SERIALIZABLE";
    break;
  }
  if (what.read_only)
    result += " READ ONLY";
  if (what.deferrable)
    result += " DEFERRABLE";
  return result;
}

caf::expected<std::string> savepoint_sql(const pg_savepoint& what) {
  auto name = quote_identifier("the name of a savepoint", what.name);
  if (!name)
    return name;
  switch (what.action) {
  case pg_savepoint_action::set:
    return "SAVEPOINT " + *name;
  case pg_savepoint_action::rollback_to:
    return "ROLLBACK TO SAVEPOINT " + *name;
  case pg_savepoint_action::release:
    return "RELEASE SAVEPOINT " + *name;
  }
  return name;
}

std::string_view shorten_sql(std::string_view sql) {
  if (sql.size() <= max_shown_sql)
    return sql;
  auto end = max_shown_sql;
  while (end > 0 && (static_cast<unsigned char>(sql[end]) & 0xC0U) == 0x80U)
    --end;
  return sql.substr(0, end);
}

} // namespace dbs::postgres
