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

caf::error bad_brackets(size_t index) {
  return bad_url(host_name(index) + " has unbalanced brackets, or text behind them");
}

/// Reads one host of the authority, in which %XX is still there.
caf::error take_authority_host(std::string_view text, size_t index, host_entry& entry) {
  auto parts = internal::split_host(text);
  if (!parts)
    return bad_brackets(index);
  auto host = internal::percent_decode(parts->host);
  if (!host)
    return bad_url(host_name(index) + " has a broken %XX escape");
  if (text.starts_with('[') && !internal::is_ipv6(*host))
    return bad_url(host_name(index) + " is not an IPv6 address, although it is in brackets");
  entry.host = std::move(*host);
  if (auto problem = take_port(parts->port, index, entry))
    return problem;
  return check_host(entry.host, index);
}

/// Reads one host of an argument called host, which is decoded.
caf::error take_argument_host(std::string_view text, size_t index, host_entry& entry) {
  if (text.empty() || text.front() == '/' || internal::is_ipv6(text)) {
    entry.host = text;
  } else {
    auto parts = internal::split_host(text);
    if (!parts)
      return bad_brackets(index);
    entry.host = parts->host;
    if (auto problem = take_port(parts->port, index, entry))
      return problem;
  }
  return check_host(entry.host, index);
}

using take_host = caf::error (*)(std::string_view text, size_t index, host_entry& entry);

/// Reads hosts that are separated by commas, and tells all that are wrong.
caf::expected<host_entries> parse_hosts(const std::vector<std::string>& values, take_host take) {
  host_entries result;
  internal::url_problems problems;
  for (auto& value : values) {
    for (auto part : internal::split(value, ',')) {
      auto index = result.size();
      problems.add(take(part, index, result.emplace_back()));
    }
  }
  if (auto problem = problems.error())
    return problem;
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
    entries = parse_hosts(places.hosts, &take_argument_host);
  else if (!authority.empty())
    entries = parse_hosts({std::string{authority}}, &take_authority_host);
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
  // From here on the parts are known, and each is judged for itself.
  database_target result;
  internal::url_problems problems;
  std::string password;
  if (url->user_info) {
    auto info = internal::parse_user_info(*url->user_info);
    if (problems.accept(info)) {
      result.user = std::move(info->user);
      password = std::move(info->password).value_or("");
    }
  }
  if (url->path.find('/') != std::string_view::npos)
    problems.add(bad_url("a '/' in the database name is written %2F"));
  if (auto dbname = internal::percent_decode(url->path))
    result.dbname = std::move(*dbname);
  else
    problems.add(bad_url("the database name has a broken %XX escape; a '%' is written %25"));

  internal::database_url_places places;
  auto arguments = internal::parse_query(url->query, is_sqlalchemy);
  if (!problems.accept(arguments))
    return problems.error(); // what is missing elsewhere may stand there
  internal::database_url_reader reader{result, places};
  for (size_t i = 0; i < arguments->size(); ++i) {
    auto& [key, value] = (*arguments)[i];
    problems.add(reader.take(key, value, internal::argument_name(key, i)));
  }
  reader.finish();

  problems.add(reconcile(result.user, places.user, "user"));
  problems.add(reconcile(password, places.password, "password"));
  problems.add(reconcile(result.dbname, places.dbname, "database name"));
  result.password = secret{std::move(password)};
  auto hosts = resolve_hosts(url->hosts, places);
  if (problems.accept(hosts))
    result.hosts = std::move(*hosts);
  if (auto problem = problems.error())
    return problem;
  return result;
}

} // namespace dbs
