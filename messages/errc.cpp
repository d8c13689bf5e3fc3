#include "dbs/messages/errc.hpp"

#include "dbs/messages/enum_names.hpp"

namespace dbs {

namespace {

constexpr enum_names<errc, static_cast<size_t>(last_errc) + 1> names{{
    "none",
    "not_ready",
    "restarted",
    "draining",
    "circuit_open",
    "deadline_exceeded",
    "overloaded",
    "pool_exhausted",
    "connection_lost",
    "in_doubt",
    "query_failed",
    "invalid_argument",
    "config_invalid",
    "unauthenticated",
    "forbidden",
    "rate_limited",
    "lock_busy",
    "lock_timeout",
    "lock_unavailable",
    "lock_unknown",
    "lock_lost",
    "stale_fence",
    "not_found",
    "payload_too_large",
    "protocol_error",
    "peer_unavailable",
}};

} // namespace

std::string to_string(errc code) {
  return names.name(code);
}

bool from_string(caf::string_view in, errc& out) {
  return names.parse({in.data(), in.size()}, out);
}

bool from_integer(uint8_t in, errc& out) {
  return names.from(in, out);
}

} // namespace dbs
