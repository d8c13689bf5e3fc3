#include "dbs/runtime/postgres/internal/session_role.hpp"

#include <array>
#include <utility>

namespace dbs::postgres::internal {

std::optional<session_role> parse_session_role(std::string_view text) {
  static constexpr std::array<std::pair<std::string_view, session_role>, 6> names{{
      {"any", session_role::any},
      {"read-write", session_role::read_write},
      {"read-only", session_role::read_only},
      {"primary", session_role::primary},
      {"standby", session_role::standby},
      {"prefer-standby", session_role::prefer_standby},
  }};
  for (auto& [name, role] : names)
    if (name == text)
      return role;
  return std::nullopt;
}

std::string role_mismatch(session_role wanted, const char* in_hot_standby, const char* read_only) {
  if (wanted == session_role::any)
    return {};
  if (in_hot_standby == nullptr || read_only == nullptr)
    return "its server is older than PostgreSQL 14 and does not tell its role";
  auto standby = std::string_view{in_hot_standby} == "on";
  auto refuses_writes = standby || std::string_view{read_only} == "on";
  switch (wanted) {
  case session_role::read_write:
    return refuses_writes ? "the session is read-only" : "";
  case session_role::read_only:
    return refuses_writes ? "" : "the session is not read-only";
  case session_role::primary:
    return standby ? "the server is in hot standby mode" : "";
  case session_role::standby:
  case session_role::prefer_standby:
    return standby ? "" : "the server is not in hot standby mode";
  case session_role::any:
    break;
  }
  return {};
}

} // namespace dbs::postgres::internal
