// The pieces that the two URL grammars share.
#pragma once

#include "dbs/messages/errc.hpp"

#include <caf/error.hpp>
#include <caf/expected.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dbs::internal {

/// Replaces %XX, and '+' by a space if asked. Nothing for a broken escape or %00,
/// which would cut the text short in every C API behind us.
std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space = false);

/// The parts of `text` between the separators; one empty part for empty text.
std::vector<std::string_view> split(std::string_view text, char separator);

/// Decimal digits only, in [min, max].
std::optional<uint32_t> parse_decimal(std::string_view text, uint32_t min, uint32_t max);

/// A port that can be connected to.
inline std::optional<uint16_t> parse_port(std::string_view text) {
  if (auto number = parse_decimal(text, 1, 65535))
    return static_cast<uint16_t>(*number);
  return std::nullopt;
}

/// A host name, an IPv4 address, or an IPv6 address with an optional %zone: what a
/// resolver may be asked for. Underscores are fine, as container names have them.
bool is_host(std::string_view text);

bool is_ipv4(std::string_view text);

/// An IPv6 address with an optional %zone, without brackets.
bool is_ipv6(std::string_view text);

/// A host with the port that follows it, both still as text.
struct host_text {
  std::string_view host;
  /// Nothing if there is no colon.
  std::optional<std::string_view> port;
};

/// Splits `host`, `host:port`, `[v6]` or `[v6]:port`. Nothing for unbalanced
/// brackets.
std::optional<host_text> split_host(std::string_view text);

/// The three places of `scheme://authority/path?query`, not decoded.
struct url_text {
  std::string_view scheme;
  /// Nothing if there is no '@'.
  std::optional<std::string_view> user_info;
  std::string_view hosts;
  /// Without its slash.
  std::string_view path;
  std::string_view query;
};

/// Where a '/' ends the authority: before the user's '@' (libpq) or only behind
/// it (SQLAlchemy, whose passwords may have raw slashes).
enum class slash_in_password : uint8_t { refused, allowed };

/// Takes a URL apart; the first '@' ends the user and password. Refuses control
/// characters, spaces around the URL and a second '@', which is how an unescaped
/// '@' in a password shows: the rest of that password would pass for a host.
caf::expected<url_text> split_url(std::string_view text, slash_in_password slashes);

/// The user and the password, decoded; the password is nothing without a colon.
struct user_info {
  std::string user;
  std::optional<std::string> password;
};

caf::expected<user_info> parse_user_info(std::string_view text);

/// The arguments of a query, decoded, in order.
using url_arguments = std::vector<std::pair<std::string, std::string>>;

caf::expected<url_arguments> parse_query(std::string_view query, bool plus_is_space);

/// How an error may call argument number `index` (from 0): its key if that looks
/// like one, else its position, since a mangled URL may have the password there.
std::string argument_name(std::string_view key, size_t index);

/// `errc::invalid_argument` with a sentence that quotes no part of the URL.
caf::error bad_url(std::string what);

/// What is wrong with one URL, so that nobody has to mend it step by step.
class url_problems {
public:
  /// Takes what `bad_url` made; an error that is none adds nothing.
  void add(const caf::error& problem);

  /// True if `what` has a value; otherwise its error is added.
  template <class T>
  bool accept(const caf::expected<T>& what) {
    if (!what)
      add(what.error());
    return what.engaged();
  }

  /// All of them in one sentence; none if there are none.
  caf::error error() const;

private:
  std::string sentences_;
};

} // namespace dbs::internal
