// The pool's own errors, and what it reads out of a server's.
#pragma once

#include "dbs/messages/error_detail.hpp"
#include "dbs/messages/postgres/pool.hpp"
#include "dbs/runtime/postgres/pool_client.hpp"

#include <caf/error.hpp>
#include <caf/timespan.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dbs::postgres {

/// How the pool stood when something failed.
struct pool_situation {
  uint32_t size = 0;
  uint32_t max_overflow = 0;
  uint32_t in_use = 0;
  size_t waiting = 0;
  struct holder {
    owner_id owner = 0;
    caf::timespan age{0};
  };
  /// Whoever has had a connection for the longest time.
  std::optional<holder> oldest;
  std::string last_connect_error;
};

/// True for the errors that say something about the pool: not for what the server
/// refused or what was wrong with the request itself.
bool depends_on_situation(const caf::error& err);

/// The same error with the fields size, max_overflow, in_use, waiting, oldest_holder,
/// oldest_holder_age_ms and last_connect_error.
caf::error with_situation(const caf::error& err, const pool_situation& situation);

/// The name of a lease as an error field.
field lease_field(pg_lease lease);

bool is(const caf::error& err, errc code);

/// Empty if the server did not report `err`.
std::string_view sqlstate_of(const caf::error& err);

/// True if nothing more can be done with the connection that said this. What the
/// server reports as an error is none, be it of class 08 or 57P01: a session that it
/// ends is told by the connection as `in_doubt` or `connection_lost`.
bool breaks_connection(const caf::error& err);

/// True if connecting again will not help until somebody changes something: wrong
/// password or unknown user (class 28), unknown database (3D000), bad settings.
bool is_permanent_refusal(const caf::error& err);

/// True if a server refused to write: after a failover the old primary does.
bool is_read_only_refusal(const caf::error& err);

/// "1.5 s" or "30 ms".
std::string pretty(caf::timespan duration);

} // namespace dbs::postgres
