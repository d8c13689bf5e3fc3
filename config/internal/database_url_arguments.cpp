#include "dbs/config/internal/database_url_arguments.hpp"

#include "dbs/config/database_url.hpp"
#include "dbs/config/duration.hpp"
#include "dbs/config/internal/url_text.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

namespace dbs {

namespace internal {

namespace {

// -- keywords of libpq -------------------------------------------------------------

/// What a keyword takes: one of the choices if there are any, else a number up to
/// `max` if that is not 0, else any text.
struct parameter {
  std::string_view keyword;
  std::string_view choices;
  uint32_t max = 0;
};

constexpr auto max_int = static_cast<uint32_t>(std::numeric_limits<int32_t>::max());
constexpr std::string_view tls_versions = "TLSv1 TLSv1.1 TLSv1.2 TLSv1.3";
constexpr std::string_view sslmodes = "disable allow prefer require verify-ca verify-full";

/// Those of libpq 15 that make sense in a pool. Not here: service (it brings in other
/// keywords), client_encoding (ours is UTF8), replication, what later versions added.
constexpr std::array<parameter, 25> parameters{{
    {"application_name", ""},
    {"channel_binding", "disable prefer require"},
    {"fallback_application_name", ""},
    {"gssencmode", "disable prefer require"},
    {"keepalives", "0 1"},
    {"keepalives_count", "", max_int},
    {"keepalives_idle", "", max_int},
    {"keepalives_interval", "", max_int},
    {"krbsrvname", ""},
    {"options", ""},
    {"passfile", ""},
    {"requirepeer", ""},
    {"ssl_max_protocol_version", tls_versions},
    {"ssl_min_protocol_version", tls_versions},
    {"sslcert", ""},
    {"sslcompression", "0 1"},
    {"sslcrl", ""},
    {"sslcrldir", ""},
    {"sslkey", ""},
    {"sslmode", sslmodes},
    {"sslpassword", ""},
    {"sslrootcert", ""},
    {"sslsni", "0 1"},
    {"target_session_attrs", "any read-write read-only primary standby prefer-standby"},
    {"tcp_user_timeout", "", max_int},
}};

// -- the others --------------------------------------------------------------------

constexpr std::array<std::string_view, 14> others{"command_timeout",
                                                  "connect_timeout",
                                                  "database",
                                                  "dbname",
                                                  "host",
                                                  "hostaddr",
                                                  "password",
                                                  "port",
                                                  "prepared_statement_cache_size",
                                                  "server_settings",
                                                  "ssl",
                                                  "statement_cache_size",
                                                  "timeout",
                                                  "user"};

/// What the drivers of the predecessor take and we do not, with what to do instead.
struct refused_argument {
  std::string_view name;
  std::string_view instead;
};

constexpr std::array<refused_argument, 4> refused{{
    {"async_fallback", "nothing here ever blocks a thread, so there is nothing to fall back to"},
    {"direct_tls", "libpq begins TLS by asking the server; sslmode=verify-full is as strict"},
    {"max_cacheable_statement_size",
     "statements of every size are prepared; statement_cache_size=0 prepares none"},
    {"max_cached_statement_lifetime",
     "prepared statements go when they are the least used ones or their plan is invalid"},
}};

bool is_one_of(std::string_view choices, std::string_view value) {
  auto list = split(choices, ' ');
  return std::find(list.begin(), list.end(), value) != list.end();
}

std::string with_commas(std::string_view choices) {
  std::string result;
  for (auto choice : split(choices, ' '))
    result += (result.empty() ? "" : ", ") + std::string{choice};
  return result;
}

caf::error take_once(std::optional<std::string>& place, const std::string& value,
                     const std::string& name) {
  if (place)
    return bad_url(name + ": this was given before under another name");
  place = value;
  return {};
}

caf::error take_time(std::optional<caf::timespan>& place, const std::string& value,
                     const std::string& name) {
  auto time = parse_duration(value);
  if (!time || time->count() <= 0)
    return bad_url(name + " must be longer than 0; allowed: " + std::string{duration_grammar});
  if (place)
    return bad_url(name + ": this was given before under another name");
  place = *time;
  return {};
}

/// The smaller one counts: who switches one of the two caches off means both.
caf::error take_cache_size(std::optional<uint32_t>& place, const std::string& value,
                           const std::string& name) {
  auto size = parse_decimal(value, 0, max_int);
  if (!size)
    return bad_url(name + " must be a whole number, 0 or more");
  place = place ? std::min(*place, *size) : *size;
  return {};
}

bool is_setting_name(std::string_view text) {
  auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.';
  };
  return !text.empty() && std::all_of(text.begin(), text.end(), fits);
}

} // namespace

// -- the reader --------------------------------------------------------------------

caf::error database_url_reader::take(std::string_view key, const std::string& value,
                                     const std::string& name) {
  if (key == "host") {
    places_.hosts.push_back(value);
    return {};
  }
  if (key == "port") {
    places_.ports.push_back(value);
    return {};
  }
  if (std::find(seen_.begin(), seen_.end(), key) != seen_.end())
    return bad_url(name + " is given twice");
  seen_.emplace_back(key);
  if (key == "hostaddr")
    return take_once(places_.hostaddr, value, name);
  if (key == "user")
    return take_once(places_.user, value, name);
  if (key == "password")
    return take_once(places_.password, value, name);
  if (key == "dbname" || key == "database")
    return take_once(places_.dbname, value, name);
  if (key == "connect_timeout" || key == "timeout")
    return take_time(target_.connect_timeout, value, name);
  if (key == "command_timeout")
    return take_time(target_.statement_timeout, value, name);
  if (key == "statement_cache_size" || key == "prepared_statement_cache_size")
    return take_cache_size(target_.statement_cache, value, name);
  if (key == "ssl")
    return take_ssl(value, name);
  if (key == "server_settings")
    return take_server_settings(value, name);
  return take_parameter(key, value, name);
}

caf::error database_url_reader::take_parameter(std::string_view keyword, const std::string& value,
                                               const std::string& name) {
  auto matches = [keyword](const parameter& x) { return x.keyword == keyword; };
  auto found = std::find_if(parameters.begin(), parameters.end(), matches);
  if (found == parameters.end()) {
    for (auto& x : refused)
      if (x.name == keyword)
        return bad_url(name + " is not supported, leave it out: " + std::string{x.instead});
    if (std::exchange(listed_, true))
      return bad_url(name + " is unknown");
    std::string allowed;
    for (auto& argument : database_url_arguments())
      allowed += (allowed.empty() ? "" : ", ") + argument;
    return bad_url(name + " is unknown; allowed: " + allowed);
  }
  if (!found->choices.empty() && !is_one_of(found->choices, value))
    return bad_url(name + " must be one of " + with_commas(found->choices));
  if (found->max > 0 && !parse_decimal(value, 0, found->max))
    return bad_url(name + " must be a whole number, 0 or more");
  if (keyword == "options")
    options_ += (options_.empty() ? "" : " ") + value;
  else
    target_.parameters.emplace_back(keyword, value);
  return {};
}

caf::error database_url_reader::take_ssl(const std::string& value, const std::string& name) {
  std::string mode = value;
  if (value == "true" || value == "True")
    mode = "require";
  else if (value == "false" || value == "False")
    mode = "disable";
  if (!is_one_of(sslmodes, mode))
    return bad_url(name + " must be true, false or one of " + with_commas(sslmodes));
  if (std::find(seen_.begin(), seen_.end(), "sslmode") != seen_.end())
    return bad_url(name + ": sslmode says this already");
  seen_.emplace_back("sslmode");
  return take_parameter("sslmode", mode, name);
}

caf::error database_url_reader::take_server_settings(std::string_view text,
                                                     const std::string& name) {
  auto malformed = [&name] {
    return bad_url(name + " must be name=value,name=value; a comma or backslash in a value is "
                          "written with a backslash before it");
  };
  while (!text.empty()) {
    auto equals = text.find('=');
    if (equals == std::string_view::npos || !is_setting_name(text.substr(0, equals)))
      return malformed();
    // libpq splits options at spaces, and takes the backslash as its escape.
    options_ += (options_.empty() ? "-c " : " -c ") + std::string{text.substr(0, equals + 1)};
    text.remove_prefix(equals + 1);
    size_t i = 0;
    for (; i < text.size() && text[i] != ','; ++i) {
      if (text[i] == '\\' && ++i == text.size())
        return malformed();
      if (text[i] == ' ' || text[i] == '\\')
        options_ += '\\';
      options_ += text[i];
    }
    if (i + 1 == text.size())
      return malformed(); // a comma at the end
    text.remove_prefix(std::min(i + 1, text.size()));
  }
  return {};
}

void database_url_reader::finish() {
  if (!options_.empty())
    target_.parameters.emplace_back("options", options_);
}

} // namespace internal

const std::vector<std::string>& database_url_arguments() {
  static const auto result = [] {
    std::vector<std::string> names(internal::others.begin(), internal::others.end());
    for (auto& x : internal::parameters)
      names.emplace_back(x.keyword);
    std::sort(names.begin(), names.end());
    return names;
  }();
  return result;
}

const std::vector<std::string>& refused_database_url_arguments() {
  static const auto result = [] {
    std::vector<std::string> names;
    for (auto& x : internal::refused)
      names.emplace_back(x.name);
    return names;
  }();
  return result;
}

bool is_secret_parameter(std::string_view keyword) {
  return keyword == "password" || keyword == "sslpassword";
}

} // namespace dbs
