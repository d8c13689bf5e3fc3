// Reads REDIS_URL.
//
//   url    = scheme "://" [ [ user ] ":" password "@" ] host [ ":" port ]
//            [ "/" [ db ] ] [ "?" key "=" value { "&" key "=" value } ]
//   scheme = "redis" | "rediss" (TLS)
//   host   = name | IPv4 address | "[" IPv6 address [ "%25" zone ] "]"
//   key    = "db" | "username" | "password"
//
// - %XX is decoded everywhere behind the scheme. In the query a '+' is a space, as
//   in redis-py.
// - The default port is 6379, the default database 0.
// - A user without a password is refused: redis-cli takes `redis://word@host` for a
//   password, redis-py for a user. `redis://:word@host` is a password for everybody.
// - What is given before the '?' is not given as an argument as well.
//
// Source: the IANA registrations of the schemes redis and rediss; redis-py's
// `Redis.from_url`.
#pragma once

#include "dbs/config/settings.hpp"

#include <caf/expected.hpp>

#include <string_view>

namespace dbs {

/// Reads a URL of the grammar above, of at most `max_url_bytes` (database_url.hpp).
/// The error is `errc::invalid_argument`, whose sentence says all that is wrong and
/// quotes nothing of the URL but the names of arguments. Any thread.
caf::expected<redis_target> parse_redis_url(std::string_view text);

} // namespace dbs
