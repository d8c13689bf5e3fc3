#include "dbs/config/database_url.hpp"

#include "dbs/config/internal/database_url_arguments.hpp"
#include "dbs/config/internal/url_text.hpp"

#include <algorithm>
#include <optional>
#include <utility>

namespace dbs {

namespace {

using internal::bad_url;

constexpr uint16_t default_port = 5432;

/// A host and the port written right behind it.
struct host_entry {
  std::string host;
  std::optional<uint16_t> port;
};

using host_entries = std::vector<host_entry>;

/// How messages call host number `index` (from 0), whose name they do not quote.
std::string host_name(size_t index) {
  return "host number " + std::to_string(index + 1);
}

caf::error bad_port(const std::string& whose) {
  return bad_url("the port of " + whose + " must be a number from 1 to 65535");
}

// -- hosts -------------------------------------------------------------------------

/// Checks one decoded host.
caf::error check_host(const std::string& host, size_t index) {
  if (host.empty())
    return bad_url(host_name(index) + " is empty");
  if (host.front() == '/' || internal::is_host(host))
    return {};
  return bad_url(host_name(index) +
                 " must be a name, an IPv4 address, an IPv6 address in brackets or the directory "
                 "of a Unix socket");
}

/// An empty port stands for the default, as in both libraries.
caf::error take_port(std::optional<std::string_view> text, size_t index, host_entry& entry) {
  if (!text || text->empty())
    return {};
  entry.port = internal::parse_port(*text);
  return entry.port ? caf::error{} : bad_port(host_name(index));
}

/// Reads the hosts of the authority, in which %XX is still there.
caf::expected<host_entries> parse_authority_hosts(std::string_view text) {
  host_entries result;
  for (auto part : internal::split(text, ',')) {
    auto index = result.size();
    auto parts = internal::split_host(part);
    if (!parts)
      return bad_url(host_name(index) + " has unbalanced brackets, or text behind them");
    auto host = internal::percent_decode(parts->host);
    if (!host)
      return bad_url(host_name(index) + " has a broken %XX escape");
    if (part.front() == '[' && !internal::is_ipv6(*host))
      return bad_url(host_name(index) + " is not an IPv6 address, although it is in brackets");
    host_entry entry{std::move(*host), std::nullopt};
    if (auto problem = take_port(parts->port, index, entry))
      return problem;
    if (auto problem = check_host(entry.host, index))
      return problem;
    result.push_back(std::move(entry));
  }
  return result;
}

/// Reads the decoded values of the arguments called host.
caf::expected<host_entries> parse_argument_hosts(const std::vector<std::string>& values) {
  host_entries result;
  for (auto& value : values) {
    for (auto part : internal::split(value, ',')) {
      auto index = result.size();
      host_entry entry;
      if (part.empty() || part.front() == '/' || internal::is_ipv6(part)) {
        entry.host = part;
      } else {
        auto parts = internal::split_host(part);
        if (!parts)
          return bad_url(host_name(index) + " has unbalanced brackets, or text behind them");
        entry.host = parts->host;
        if (auto problem = take_port(parts->port, index, entry))
          return problem;
      }
      if (auto problem = check_host(entry.host, index))
        return problem;
      result.push_back(std::move(entry));
    }
  }
  return result;
}

/// libpq's hostaddr: addresses only.
caf::expected<host_entries> parse_addresses(const std::string& value) {
  host_entries result;
  for (auto part : internal::split(value, ',')) {
    if (!internal::is_ipv4(part) && !internal::is_ipv6(part))
      return bad_url("argument 'hostaddr' must be IPv4 or IPv6 addresses, separated by commas");
    result.push_back({std::string{part}, std::nullopt});
  }
  return result;
}

/// Gives `entries` the ports of the arguments called port: one for all, or one each.
caf::error apply_ports(const std::vector<std::string>& values, host_entries& entries) {
  std::vector<std::optional<uint16_t>> ports;
  for (auto& value : values) {
    for (auto part : internal::split(value, ',')) {
      std::optional<uint16_t> port;
      if (!part.empty()) {
        port = internal::parse_port(part);
        if (!port)
          return bad_port("argument 'port'");
      }
      ports.push_back(port);
    }
  }
  if (ports.empty())
    return {};
  auto has_port = [](const host_entry& x) { return x.port.has_value(); };
  if (std::any_of(entries.begin(), entries.end(), has_port))
    return bad_url("argument 'port': a host has its port already");
  if (ports.size() != 1 && ports.size() != entries.size())
    return bad_url("argument 'port' has " + std::to_string(ports.size()) + " ports for " +
                   std::to_string(entries.size()) + " hosts; allowed: one, or one per host");
  for (size_t i = 0; i < entries.size(); ++i)
    entries[i].port = ports.size() == 1 ? ports[0] : ports[i];
  return {};
}

caf::expected<std::vector<host_port>> resolve_hosts(std::string_view authority,
                                                    const internal::database_url_places& places) {
  auto named = (places.hosts.empty() ? 0 : 1) + (places.hostaddr ? 1 : 0);
  auto ports = places.ports;
  // `//:5433/db?host=/tmp` has a port but no host in the authority.
  if (named > 0 && authority.size() > 1 && authority.front() == ':' && ports.empty()) {
    ports.emplace_back(authority.substr(1));
    authority = {};
  }
  if (authority == ":")
    authority = {};
  if (named + (authority.empty() ? 0 : 1) > 1)
    return bad_url("the hosts are given twice: they come before the path, or as arguments called "
                   "host, or as hostaddr");
  caf::expected<host_entries> entries = host_entries{};
  if (places.hostaddr)
    entries = parse_addresses(*places.hostaddr);
  else if (!places.hosts.empty())
    entries = parse_argument_hosts(places.hosts);
  else if (!authority.empty())
    entries = parse_authority_hosts(authority);
  else
    return bad_url("the host is missing");
  if (!entries)
    return entries.error();
  if (entries->size() > max_url_hosts)
    return bad_url("there are more than " + std::to_string(max_url_hosts) + " hosts");
  if (auto problem = apply_ports(ports, *entries))
    return problem;
  std::vector<host_port> result;
  for (auto& entry : *entries)
    result.push_back({std::move(entry.host), entry.port.value_or(default_port)});
  return result;
}

// -- the other places --------------------------------------------------------------

/// Takes what an argument says where the authority or path said nothing.
caf::error reconcile(std::string& place, const std::optional<std::string>& argument,
                     const std::string& what) {
  if (!argument)
    return {};
  if (!place.empty())
    return bad_url("the " + what + " is given twice: before the '?' and as an argument");
  place = *argument;
  return {};
}

} // namespace

caf::expected<database_target> parse_database_url(std::string_view text) {
  if (text.size() > max_url_bytes)
    return bad_url("the URL is longer than " + std::to_string(max_url_bytes) + " bytes");
  auto is_sqlalchemy = text.starts_with("postgresql+asyncpg://");
  auto url = internal::split_url(text, is_sqlalchemy ? internal::slash_in_password::allowed
                                                     : internal::slash_in_password::refused);
  if (!url)
    return url.error();
  if (!is_sqlalchemy && url->scheme != "postgresql" && url->scheme != "postgres")
    return bad_url("the scheme must be one of postgresql, postgres, postgresql+asyncpg");
  database_target result;
  std::string password;
  if (url->user_info) {
    auto info = internal::parse_user_info(*url->user_info);
    if (!info)
      return info.error();
    result.user = std::move(info->user);
    password = std::move(info->password).value_or("");
  }
  if (url->path.find('/') != std::string_view::npos)
    return bad_url("a '/' in the database name is written %2F");
  auto dbname = internal::percent_decode(url->path);
  if (!dbname)
    return bad_url("the database name has a broken %XX escape; a '%' is written %25");
  result.dbname = std::move(*dbname);

  auto arguments = internal::parse_query(url->query, is_sqlalchemy);
  if (!arguments)
    return arguments.error();
  internal::database_url_places places;
  internal::database_url_reader reader{result, places};
  for (size_t i = 0; i < arguments->size(); ++i) {
    auto& [key, value] = (*arguments)[i];
    if (auto problem = reader.take(key, value, internal::argument_name(key, i)))
      return problem;
  }
  reader.finish();

  if (auto problem = reconcile(result.user, places.user, "user"))
    return problem;
  if (auto problem = reconcile(password, places.password, "password"))
    return problem;
  if (auto problem = reconcile(result.dbname, places.dbname, "database name"))
    return problem;
  result.password = secret{std::move(password)};
  auto hosts = resolve_hosts(url->hosts, places);
  if (!hosts)
    return hosts.error();
  result.hosts = std::move(*hosts);
  return result;
}

} // namespace dbs
