#include "dbs/runtime/postgres/internal/connect_keywords.hpp"

#include "dbs/messages/error_detail.hpp"

#include <libpq-fe.h>

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

} // namespace

connect_keywords::connect_keywords(const database_settings& settings, caf::error& problem) {
  auto& target = settings.target;
  auto add = [this](const char* name, const std::string& value) {
    if (!value.empty())
      pairs_.emplace_back(name, value);
  };
  add("user", target.user);
  add("password", target.password.reveal());
  add("dbname", target.dbname);
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
  // libpq takes an address that is given for more than a socket, and an empty one for none.
  if (auto* address = std::getenv("PGHOSTADDR"); address != nullptr && *address != '\0')
    for (auto& server : target.hosts)
      if (is_socket_path(server.host))
        problem = fail(errc::config_invalid, "PGHOSTADDR is set in the environment: it would replace "
                                             "the socket " + endpoint_name(server));
  // Explicit, lest the environment of the process sets it behind our back.
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
}

void connect_keywords::set_default(const char* name, std::string value) {
  auto given = std::any_of(pairs_.begin(), pairs_.end(),
                           [name](const auto& pair) { return pair.first == name; });
  if (!given)
    pairs_.emplace_back(name, std::move(value));
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
