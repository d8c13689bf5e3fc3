// The commands the pool sends on its own.
#pragma once

#include "dbs/messages/postgres/pool.hpp"

#include <caf/expected.hpp>

#include <string>
#include <string_view>

namespace dbs::postgres {

/// What DISCARD ALL does but for DISCARD PLANS. As one command it costs one round
/// trip; DISCARD ALL itself could not be part of it, because it refuses to run in a
/// transaction block. RESET goes back to the values given when the connection was
/// opened. RESET ROLE restores a role given there, which SET SESSION AUTHORIZATION
/// would have dropped.
inline constexpr std::string_view reset_all_sql =
    "CLOSE ALL; SET SESSION AUTHORIZATION DEFAULT; RESET ROLE; RESET ALL; UNLISTEN *; "
    "SELECT pg_catalog.pg_advisory_unlock_all(); DISCARD TEMP; DISCARD SEQUENCES; "
    "DEALLOCATE ALL";

/// The same without DEALLOCATE ALL: our prepared statements survive.
inline constexpr std::string_view reset_session_sql =
    reset_all_sql.substr(0, reset_all_sql.rfind(';'));

/// "BEGIN" with the options that are asked for.
std::string begin_sql(const pg_transaction& what);

/// "SAVEPOINT", "ROLLBACK TO SAVEPOINT" or "RELEASE SAVEPOINT" with the name
/// quoted. `invalid_argument` unless the name has 1 to 63 bytes, none of them zero:
/// the server would cut a longer name, and two names might become one.
caf::expected<std::string> savepoint_sql(const pg_savepoint& what);

/// The first 200 bytes of a statement, not ending inside a UTF-8 sequence.
std::string_view shorten_sql(std::string_view sql);

} // namespace dbs::postgres
