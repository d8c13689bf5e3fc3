// The keyword lists that libpq connects with.
#pragma once

#include "dbs/config/settings.hpp"
#include "dbs/runtime/postgres/internal/session_role.hpp"

#include <caf/error.hpp>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dbs::postgres::internal {

/// What every session is told at its start, before the options of the user: the
/// formats that our types decode, whatever the defaults of the server, database and
/// role. A server that works looks after its client once a second, so that it does
/// not go on for nobody; the setting exists since PostgreSQL 14, which is the oldest
/// that lets us in.
inline constexpr std::string_view forced_options =
    "-c datestyle=ISO -c intervalstyle=postgres -c bytea_output=hex -c extra_float_digits=1 "
    "-c client_connection_check_interval=1s";

/// True for the directory of a Unix socket, and for none, which stands for the default
/// one.
inline bool is_socket_path(const std::string& host) noexcept {
  return host.empty() || host[0] == '/' || host[0] == '@';
}

/// Everything but the address: what the settings say, and our defaults. The value
/// of the password is in it, so it is never printed.
class connect_keywords {
public:
  /// Reads the settings. Sets `problem` to `config_invalid`, naming the parameter,
  /// if libpq does not know one or there is no such role.
  connect_keywords(const database_settings& settings, caf::error& problem);

  session_role role() const noexcept { return role_; }

  /// Calls `fn(names, values)` with null-terminated arrays for one address.
  /// `address` is empty if `server.host` needs no look-up.
  template <class F>
  auto with_address(const host_port& server, const std::string& address, F&& fn) const {
    std::vector<const char*> names;
    std::vector<const char*> values;
    auto add = [&](const char* name, const std::string& value) {
      names.push_back(name);
      values.push_back(value.c_str());
    };
    auto port = std::to_string(server.port);
    add("host", server.host);
    add("port", port);
    // Given even for a host that needs no look-up, lest PGHOSTADDR replaces it.
    auto& numeric = address.empty() && !is_socket_path(server.host) ? server.host : address;
    if (!numeric.empty())
      add("hostaddr", numeric);
    for (auto& [name, value] : pairs_)
      add(name.c_str(), value);
    names.push_back(nullptr);
    values.push_back(nullptr);
    return fn(names.data(), values.data());
  }

private:
  void set_default(const char* name, std::string value);
  /// What every session starts with, in front of the options that are given.
  void force_options(const database_settings& settings);

  std::vector<std::pair<std::string, std::string>> pairs_;
  session_role role_ = session_role::any;
};

/// See `postgres::look_up_process_defaults`.
void look_up_process_defaults();

/// "127.0.0.1:5432", "[::1]:5432", or the path of a socket.
std::string endpoint_name(const host_port& server);

/// True for the directory of a Unix socket and for a numeric address.
bool needs_no_lookup(const std::string& host);

} // namespace dbs::postgres::internal
