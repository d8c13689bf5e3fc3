#include "dbs/config/redis_url.hpp"

#include "dbs/config/database_url.hpp"
#include "dbs/config/internal/url_text.hpp"

#include <limits>
#include <optional>
#include <string>
#include <utility>

namespace dbs {

namespace {

using internal::bad_url;

constexpr uint16_t default_port = 6379;
constexpr auto max_db = static_cast<uint32_t>(std::numeric_limits<int32_t>::max());

caf::expected<host_port> parse_address(std::string_view text) {
  if (text.empty())
    return bad_url("the host is missing");
  auto parts = internal::split_host(text);
  if (!parts)
    return bad_url("the host has unbalanced brackets, or text behind them");
  auto host = internal::percent_decode(parts->host);
  if (!host)
    return bad_url("the host has a broken %XX escape");
  if (host->empty())
    return bad_url("the host is missing");
  auto valid = text.front() == '[' ? internal::is_ipv6(*host) : internal::is_host(*host);
  if (!valid)
    return bad_url("the host must be one name, an IPv4 address or an IPv6 address in brackets");
  host_port result{std::move(*host), default_port};
  if (parts->port && !parts->port->empty()) {
    auto port = internal::parse_port(*parts->port);
    if (!port)
      return bad_url("the port must be a number from 1 to 65535");
    result.port = *port;
  }
  return result;
}

/// What the URL says, before its parts are checked against each other.
struct places {
  std::optional<std::string> user;
  std::optional<std::string> password;
  std::optional<std::string> db;
};

caf::error take_argument(places& found, std::string_view key, std::string value,
                         const std::string& name) {
  auto* place = key == "username"   ? &found.user
                : key == "password" ? &found.password
                : key == "db"       ? &found.db
                                    : nullptr;
  if (place == nullptr)
    return bad_url(name + " is unknown; allowed: db, password, username");
  if (*place)
    return bad_url(name + " is given twice");
  *place = std::move(value);
  return {};
}

} // namespace

caf::expected<redis_target> parse_redis_url(std::string_view text) {
  if (text.size() > max_url_bytes)
    return bad_url("the URL is longer than " + std::to_string(max_url_bytes) + " bytes");
  auto url = internal::split_url(text, internal::slash_in_password::refused);
  if (!url)
    return url.error();
  if (url->scheme != "redis" && url->scheme != "rediss")
    return bad_url("the scheme must be redis, or rediss for TLS");
  places found;
  internal::url_problems problems;
  if (url->user_info) {
    auto info = internal::parse_user_info(*url->user_info);
    if (problems.accept(info)) {
      if (!info->user.empty())
        found.user = std::move(info->user);
      found.password = std::move(info->password);
    }
  }
  if (!url->path.empty()) {
    found.db = internal::percent_decode(url->path);
    if (!found.db)
      problems.add(bad_url("the database number has a broken %XX escape"));
  }
  auto arguments = internal::parse_query(url->query, true);
  if (!problems.accept(arguments))
    return problems.error(); // what is missing elsewhere may stand there
  for (size_t i = 0; i < arguments->size(); ++i) {
    auto& [key, value] = (*arguments)[i];
    problems.add(take_argument(found, key, value, internal::argument_name(key, i)));
  }
  redis_target result;
  result.tls = url->scheme == "rediss";
  result.user = found.user.value_or("");
  result.password = secret{found.password.value_or("")};
  if (!result.user.empty() && result.password.empty())
    problems.add(
        bad_url("there is a user without a password; a password alone is written :password@"));
  if (found.db) {
    auto db = internal::parse_decimal(*found.db, 0, max_db);
    if (!db)
      problems.add(bad_url("the database must be a number, 0 or more"));
    result.db = db.value_or(0);
  }
  auto address = parse_address(url->hosts);
  if (problems.accept(address))
    result.address = std::move(*address);
  if (auto problem = problems.error())
    return problem;
  return result;
}

} // namespace dbs
