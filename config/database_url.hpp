// Reads DATABASE_URL: libpq's URLs and the form of SQLAlchemy with asyncpg.
//
// libpq itself rejects `postgresql+asyncpg://`, `ssl=require` and asyncpg's other
// arguments, and reads SQLAlchemy's `?host=h1:5432&host=h2:5433` as one host
// named "h2:5433". So a URL is never handed to libpq; it is taken apart here.
//
//   url       = scheme "://" [ user [ ":" password ] "@" ] [ host-list ]
//               [ "/" dbname ] [ "?" key "=" value { "&" key "=" value } ]
//   scheme    = "postgresql" | "postgres" | "postgresql+asyncpg"
//   host-list = host [ ":" port ] { "," host [ ":" port ] }
//   host      = name | IPv4 address | "[" IPv6 address [ "%25" zone ] "]"
//             | directory of a Unix socket, written with %2F
//
// - %XX is decoded everywhere behind the scheme, after the URL was taken apart. In
//   the query a '+' is a space with `postgresql+asyncpg` and a '+' otherwise, as
//   SQLAlchemy and libpq have it.
// - The first '@' ends user and password. With `postgresql+asyncpg` the password
//   may have raw slashes, as in SQLAlchemy. A second '@' is refused.
// - Hosts come from the authority or from the query, not from both:
//   `host=h1:5432&host=h2:5433` (SQLAlchemy), `host=h1,h2&port=5432,5433` (both
//   libraries), `host=/run/postgresql` (Unix socket), `hostaddr=10.0.0.1`. One port
//   is for all hosts, otherwise there is one per host. The default is 5432. There
//   must be a host.
// - user, password, dbname (also `database`) and port may be arguments as well, if
//   they are given once only. An argument other than host and port is not repeated.
// - Passed to libpq as they are: what `database_url_arguments` lists and is not
//   mentioned here.
// - Translated: ssl -> sslmode (true is require, false is disable); timeout and
//   connect_timeout -> `database_target::connect_timeout`; command_timeout ->
//   `statement_timeout`; statement_cache_size and prepared_statement_cache_size ->
//   `statement_cache` (the smaller one, so that the 0 one writes for a PgBouncer
//   counts); server_settings=name=value,name=value -> options, a comma or backslash
//   in a value is written with a backslash before it.
// - Refused with a sentence of their own: `refused_database_url_arguments`.
//
// Sources: libpq's documentation, section "Connection URIs"; SQLAlchemy 2.0,
// engine/url.py and dialects/postgresql/asyncpg.py; asyncpg's connect().
#pragma once

#include "dbs/config/settings.hpp"

#include <caf/expected.hpp>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace dbs {

/// Limits that no real URL meets; they bound what a parser can be made to do.
inline constexpr size_t max_url_bytes = 8192;
inline constexpr size_t max_url_hosts = 32;

/// Reads a URL of the grammar above. The error is `errc::invalid_argument`; its
/// sentence says all that is wrong and what is allowed and quotes nothing of the URL
/// but the names of arguments, since a mangled URL may have its password anywhere.
/// Any thread.
caf::expected<database_target> parse_database_url(std::string_view text);

/// Every argument that may follow the '?', sorted.
const std::vector<std::string>& database_url_arguments();

/// Arguments of asyncpg and SQLAlchemy that are known and refused, sorted. What the
/// message says to do about each is in the documentation as well.
const std::vector<std::string>& refused_database_url_arguments();

/// True for libpq keywords in `database_target::parameters` whose value must not be
/// printed.
bool is_secret_parameter(std::string_view keyword);

} // namespace dbs
