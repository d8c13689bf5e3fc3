#include "dbs/runtime/postgres/internal/connect_keywords.hpp"

#include "dbs/messages/error_detail.hpp"

#include <libpq-fe.h>
#include <pwd.h>
#include <unistd.h>

#include <boost/asio/ip/address.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <memory>
#include <set>
#include <string_view>

namespace dbs::postgres::internal {

namespace {

bool libpq_knows(std::string_view name) {
  static const auto names = [] {
    std::set<std::string, std::less<>> result;
    std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)> list{PQconndefaults(),
                                                                      PQconninfoFree};
    for (auto* option = list.get(); option != nullptr && option->keyword != nullptr; ++option)
      result.emplace(option->keyword);
    return result;
  }();
  // An empty list means that libpq had no memory: let it complain itself.
  return names.empty() || names.find(name) != names.end();
}

/// Ours to say, from other settings.
bool is_reserved(std::string_view name) {
  static constexpr std::array<std::string_view, 10> reserved{"host",
                                                             "hostaddr",
                                                             "port",
                                                             "user",
                                                             "password",
                                                             "dbname",
                                                             "connect_timeout",
                                                             "service",
                                                             "target_session_attrs",
                                                             "client_encoding"};
  return std::find(reserved.begin(), reserved.end(), name) != reserved.end();
}

/// What libpq would otherwise look up by itself, behind PGUSER. Empty if there is none.
const std::string& name_of_process_user() {
  static const auto name = [] {
    passwd entry{};
    passwd* found = nullptr;
    std::array<char, 4096> buffer{};
    auto failed = ::getpwuid_r(::geteuid(), &entry, buffer.data(), buffer.size(), &found) != 0;
    return std::string{failed || found == nullptr ? "" : entry.pw_name};
  }();
  return name;
}

bool is_set(const char* variable) {
  auto* value = std::getenv(variable);
  return value != nullptr && *value != '\0';
}

/// Variables that would choose another server, or settings where none can be chosen,
/// and that no keyword keeps libpq from reading.
caf::error environment_problem(const database_settings& settings) {
  auto& target = settings.target;
  if (is_set("PGSERVICE"))
    return fail(errc::config_invalid,
                "PGSERVICE is set in the environment; the server is chosen by database.url alone");
  if (is_set("PGHOSTADDR"))
    for (auto& server : target.hosts)
      if (is_socket_path(server.host))
        return fail(errc::config_invalid,
                    "PGHOSTADDR is set in the environment: it would replace the socket " +
                        endpoint_name(server));
  if (settings.transaction_pooler)
    for (auto* variable : {"PGOPTIONS", "PGGEQO"})
      if (is_set(variable))
        return fail(errc::config_invalid, std::string{variable} +
                                              " is set in the environment: libpq would send it at "
                                              "login, and a transaction pooler refuses that");
  return {};
}

} // namespace

connect_keywords::connect_keywords(const database_settings& settings, caf::error& problem) {
  auto& target = settings.target;
  problem = environment_problem(settings);
  // Explicit, lest the environment of the process sets them behind our back.
  auto user = target.user.empty() ? name_of_process_user() : target.user;
  pairs_.emplace_back("user", user);
  pairs_.emplace_back("dbname", target.dbname.empty() ? user : target.dbname);
  if (!target.password.empty())
    pairs_.emplace_back("password", target.password.reveal());
  for (auto& [name, value] : target.parameters) {
    if (name == "target_session_attrs") {
      if (auto role = parse_session_role(value))
        role_ = *role;
      else
        problem = fail(errc::config_invalid, "target_session_attrs is '" + value +
                                                 "', but must be any, read-write, read-only, "
                                                 "primary, standby or prefer-standby");
    } else if (is_reserved(name)) {
      problem = fail(errc::config_invalid,
                     "connection parameter '" + name + "' is set by DatabaseServices itself");
    } else if (!libpq_knows(name)) {
      problem = fail(errc::config_invalid, "unknown connection parameter '" + name + "'");
    } else {
      pairs_.emplace_back(name, value);
    }
  }
  pairs_.emplace_back("target_session_attrs", "any");
  pairs_.emplace_back("client_encoding", "UTF8");
  set_default("application_name", "dbs");
  // A dead link is found in 10 seconds while something is sent, in 15 otherwise.
  set_default("tcp_user_timeout", "10000");
  set_default("keepalives", "1");
  set_default("keepalives_idle", "5");
  set_default("keepalives_interval", "5");
  set_default("keepalives_count", "5");
  // Encryption by GSSAPI may talk to a key server, and libpq would block on that.
  set_default("gssencmode", "disable");
  // A pooler knows no options that would be those of all its clients.
  if (!settings.transaction_pooler)
    force_options(settings);
}

void connect_keywords::force_options(const database_settings& settings) {
  set_default("options", "");
  auto& options = std::find_if(pairs_.begin(), pairs_.end(), [](const auto& pair) {
                    return pair.first == "options";
                  })->second;
  options = std::string{forced_options} + (options.empty() ? "" : " ") + options;
  if (settings.statement_timeout > caf::timespan::zero()) {
    using std::chrono::milliseconds;
    auto ms = std::min(std::chrono::ceil<milliseconds>(settings.statement_timeout),
                       milliseconds{std::numeric_limits<int32_t>::max()});
    options += " -c statement_timeout=" + std::to_string(ms.count());
  }
  if (settings.read_only)
    options += " -c default_transaction_read_only=on";
}

void connect_keywords::set_default(const char* name, std::string value) {
  auto given = std::any_of(pairs_.begin(), pairs_.end(),
                           [name](const auto& pair) { return pair.first == name; });
  if (!given)
    pairs_.emplace_back(name, std::move(value));
}

void look_up_process_defaults() {
  name_of_process_user();
  libpq_knows("user"); // which asks libpq for all its defaults
}

std::string endpoint_name(const host_port& server) {
  auto port = std::to_string(server.port);
  if (!server.host.empty() && server.host[0] == '/')
    return server.host + "/.s.PGSQL." + port;
  if (server.host.find(':') != std::string::npos)
    return '[' + server.host + "]:" + port;
  return server.host + ':' + port;
}

bool needs_no_lookup(const std::string& host) {
  if (is_socket_path(host))
    return true;
  boost::system::error_code ec;
  boost::asio::ip::make_address(host, ec);
  return !ec;
}

} // namespace dbs::postgres::internal
