#include "dbs/config/internal/url_text.hpp"

#include "dbs/messages/error_detail.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>

namespace dbs::internal {

namespace {

bool is_alphanumeric(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool is_control(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}

int hex_value(char c) {
  if (c >= '0' && c <= '9')
    return c - '0';
  if (c >= 'a' && c <= 'f')
    return c - 'a' + 10;
  if (c >= 'A' && c <= 'F')
    return c - 'A' + 10;
  return -1;
}

bool is_address(int family, std::string_view text) {
  unsigned char buf[sizeof(in6_addr)];
  return inet_pton(family, std::string{text}.c_str(), buf) == 1;
}

} // namespace

// -- text ------------------------------------------------------------------------

std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space) {
  std::string result;
  result.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus_is_space) {
      result += ' ';
    } else if (text[i] != '%') {
      result += text[i];
    } else {
      if (i + 2 >= text.size())
        return std::nullopt;
      auto high = hex_value(text[i + 1]);
      auto low = hex_value(text[i + 2]);
      if (high < 0 || low < 0 || high + low == 0)
        return std::nullopt;
      result += static_cast<char>(high * 16 + low);
      i += 2;
    }
  }
  return result;
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> result;
  for (;;) {
    auto end = text.find(separator);
    result.push_back(text.substr(0, end));
    if (end == std::string_view::npos)
      return result;
    text.remove_prefix(end + 1);
  }
}

std::optional<uint32_t> parse_decimal(std::string_view text, uint32_t min, uint32_t max) {
  uint32_t result = 0;
  auto* last = text.data() + text.size();
  auto [end, code] = std::from_chars(text.data(), last, result);
  if (code != std::errc{} || end != last || result < min || result > max)
    return std::nullopt;
  return result;
}

// -- hosts -----------------------------------------------------------------------

bool is_ipv4(std::string_view text) {
  return is_address(AF_INET, text);
}

bool is_ipv6(std::string_view text) {
  auto zone = text.find('%');
  if (zone != std::string_view::npos) {
    auto name = text.substr(zone + 1);
    auto fits = [](char c) { return is_alphanumeric(c) || c == '-' || c == '_' || c == '.'; };
    if (name.empty() || !std::all_of(name.begin(), name.end(), fits))
      return false;
  }
  return is_address(AF_INET6, text.substr(0, zone));
}

bool is_host(std::string_view text) {
  if (text.find(':') != std::string_view::npos)
    return is_ipv6(text);
  auto fits = [](char c) { return is_alphanumeric(c) || c == '-' || c == '_' || c == '.'; };
  return !text.empty() && text.size() <= 253 && text.front() != '-' && text.front() != '.' &&
         std::all_of(text.begin(), text.end(), fits);
}

std::optional<host_text> split_host(std::string_view text) {
  if (!text.empty() && text.front() == '[') {
    auto end = text.find(']');
    if (end == std::string_view::npos)
      return std::nullopt;
    auto host = text.substr(1, end - 1);
    auto rest = text.substr(end + 1);
    if (rest.empty())
      return host_text{host, std::nullopt};
    if (rest.front() != ':')
      return std::nullopt;
    return host_text{host, rest.substr(1)};
  }
  auto colon = text.find(':');
  if (colon == std::string_view::npos)
    return host_text{text, std::nullopt};
  return host_text{text.substr(0, colon), text.substr(colon + 1)};
}

// -- URLs ------------------------------------------------------------------------

caf::error bad_url(std::string what) {
  return fail(errc::invalid_argument, std::move(what));
}

void url_problems::add(const caf::error& problem) {
  if (problem)
    sentences_ += (sentences_.empty() ? "" : "; also ") + detail(problem).what;
}

caf::error url_problems::error() const {
  return sentences_.empty() ? caf::error{} : bad_url(sentences_);
}

caf::expected<url_text> split_url(std::string_view text, slash_in_password slashes) {
  if (std::any_of(text.begin(), text.end(), is_control))
    return bad_url("the URL has a control character; write it as %XX");
  if (!text.empty() && (text.front() == ' ' || text.back() == ' '))
    return bad_url("the URL begins or ends with a space");
  auto colon = text.find("://");
  if (colon == std::string_view::npos)
    return bad_url("the URL has no '://'");
  url_text result;
  result.scheme = text.substr(0, colon);
  auto rest = text.substr(colon + 3);
  auto at = rest.find('@');
  if (at != std::string_view::npos) {
    auto info = rest.substr(0, at);
    // A user name has no slash: there it is a URL without a user, and a stray '@'.
    auto checked = slashes == slash_in_password::allowed ? info.substr(0, info.find(':')) : info;
    if (checked.find('/') != std::string_view::npos)
      return bad_url(
          "a '/' in the user or password is written %2F, and an '@' behind the host %40");
    result.user_info = info;
    rest.remove_prefix(at + 1);
  }
  if (rest.find('@') != std::string_view::npos)
    return bad_url("the URL has a second '@'; in the user, the password and behind the host it is "
                   "written %40");
  auto question = rest.find('?');
  if (question != std::string_view::npos) {
    result.query = rest.substr(question + 1);
    rest = rest.substr(0, question);
  }
  auto slash = rest.find('/');
  result.hosts = rest.substr(0, slash);
  if (slash != std::string_view::npos)
    result.path = rest.substr(slash + 1);
  return result;
}

caf::expected<user_info> parse_user_info(std::string_view text) {
  auto colon = text.find(':');
  auto user = percent_decode(text.substr(0, colon));
  if (!user)
    return bad_url("the user has a broken %XX escape; a '%' is written %25");
  user_info result{std::move(*user), std::nullopt};
  if (colon != std::string_view::npos) {
    result.password = percent_decode(text.substr(colon + 1));
    if (!result.password)
      return bad_url("the password has a broken %XX escape; a '%' is written %25");
  }
  return result;
}

caf::expected<url_arguments> parse_query(std::string_view query, bool plus_is_space) {
  url_arguments result;
  if (query.empty())
    return result;
  for (auto part : split(query, '&')) {
    auto position = std::to_string(result.size() + 1);
    auto equals = part.find('=');
    if (equals == std::string_view::npos || equals == 0)
      return bad_url("argument " + position + " behind the '?' is not of the form key=value");
    auto key = percent_decode(part.substr(0, equals), plus_is_space);
    auto value = percent_decode(part.substr(equals + 1), plus_is_space);
    if (!key || !value)
      return bad_url("argument " + position + " behind the '?' has a broken %XX escape");
    result.emplace_back(std::move(*key), std::move(*value));
  }
  return result;
}

std::string argument_name(std::string_view key, size_t index) {
  auto fits = [](char c) { return (c >= 'a' && c <= 'z') || c == '_'; };
  if (!key.empty() && key.size() <= 40 && std::all_of(key.begin(), key.end(), fits))
    return "argument '" + std::string{key} + "'";
  return "argument number " + std::to_string(index + 1);
}

} // namespace dbs::internal
