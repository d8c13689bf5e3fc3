// target_session_attrs, checked by ourselves.
//
// We hand libpq one address at a time, because its non-blocking connect never
// moves on from a host that hangs; so it cannot choose between hosts for us.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace dbs::postgres::internal {

/// The values of target_session_attrs, with libpq's meanings.
enum class session_role { any, read_write, read_only, primary, standby, prefer_standby };

/// Nothing if there is no such value.
std::optional<session_role> parse_session_role(std::string_view text);

/// Why a session does not fit, such as "it is a standby"; empty if it fits.
///
/// @param in_hot_standby what the server reported under this name, "on" or "off";
///        nullptr before PostgreSQL 14, which only fits `any`.
/// @param read_only its default_transaction_read_only, likewise.
std::string role_mismatch(session_role wanted, const char* in_hot_standby, const char* read_only);

} // namespace dbs::postgres::internal
