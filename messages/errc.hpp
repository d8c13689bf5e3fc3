// The one error enum of DatabaseServices and its CAF error category.
//
// docs/errors.md has the table: code, meaning, whether a retry can help, and what
// the caller should do.
#pragma once

#include "dbs/messages/type_ids.hpp"

#include <caf/default_enum_inspect.hpp>
#include <caf/is_error_code_enum.hpp>
#include <caf/string_view.hpp>

#include <cstdint>
#include <string>

namespace dbs {

/// Why a request failed. The numbers are part of the wire format: append only.
enum class errc : uint8_t {
  none,
  /// The service has not finished its first start.
  not_ready,
  /// The manager died while it held the request; whether the request had an
  /// effect is unknown for writes and irrelevant for reads.
  restarted,
  /// The service is shutting down and takes no new work.
  draining,
  /// The circuit breaker of the dependency is open; nothing was attempted.
  circuit_open,
  /// The request's deadline passed. The work was not done, or it was cancelled.
  deadline_exceeded,
  /// A bound was reached: the request was shed before any work was done.
  overloaded,
  /// No connection became free within the acquire timeout.
  pool_exhausted,
  /// The connection broke before the request was sent, or there is none.
  connection_lost,
  /// The request was sent and its outcome is unknown.
  in_doubt,
  /// The server refused the statement; the detail carries the SQLSTATE.
  query_failed,
  /// The request itself is malformed.
  invalid_argument,
  /// A setting is missing, unknown, contradictory or out of range.
  config_invalid,
  unauthenticated,
  forbidden,
  rate_limited,
  lock_busy,
  lock_timeout,
  lock_unavailable,
  lock_unknown,
  lock_lost,
  stale_fence,
  /// What was asked for does not exist.
  not_found,
  payload_too_large,
  /// A peer or server sent something the protocol does not allow.
  protocol_error,
  peer_unavailable,
};

/// The last enumerator; update it together with the enum.
inline constexpr errc last_errc = errc::peer_unavailable;

/// Returns the enumerator's name, such as "pool_exhausted".
std::string to_string(errc code);

bool from_string(caf::string_view in, errc& out);

bool from_integer(uint8_t in, errc& out);

template <class Inspector>
bool inspect(Inspector& f, errc& x) {
  return caf::default_enum_inspect(f, x);
}

} // namespace dbs

CAF_ERROR_CODE_ENUM(dbs::errc)
