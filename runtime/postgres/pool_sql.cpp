#include "dbs/runtime/postgres/pool_sql.hpp"

#include "dbs/messages/error_detail.hpp"

namespace dbs::postgres {

namespace {

/// NAMEDATALEN - 1 of a server built with the defaults.
constexpr size_t max_identifier = 63;

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
  if (what.name.empty())
    return fail(errc::invalid_argument, "the name of a savepoint must not be empty");
  if (what.name.size() > max_identifier)
    return fail(errc::invalid_argument, "the name of a savepoint must not be longer than 63 bytes",
                {{"length", static_cast<int64_t>(what.name.size())}});
  if (what.name.find('\0') != std::string::npos)
    return fail(errc::invalid_argument, "the name of a savepoint must not contain a zero byte");
  std::string result;
  switch (what.action) {
  case pg_savepoint_action::set:
    result = "SAVEPOINT \"";
    break;
  case pg_savepoint_action::rollback_to:
    result = "ROLLBACK TO SAVEPOINT \"";
    break;
  case pg_savepoint_action::release:
    result = "RELEASE SAVEPOINT \"";
    break;
  }
  for (auto c : what.name) {
    if (c == '"')
      result += '"';
    result += c;
  }
  result += '"';
  return result;
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
