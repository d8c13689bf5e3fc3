#include "dbs/runtime/postgres/identifier.hpp"

#include "dbs/messages/error_detail.hpp"

namespace dbs::postgres {

namespace {

/// NAMEDATALEN - 1 of a server built with the defaults.
constexpr size_t max_identifier = 63;

} // namespace

caf::expected<std::string> quote_identifier(std::string_view what, std::string_view name) {
  auto refuse = [what](std::string why, std::vector<field> fields = {}) {
    return fail(errc::invalid_argument, std::string{what} + " must not " + why, std::move(fields));
  };
  if (name.empty())
    return refuse("be empty");
  if (name.size() > max_identifier)
    return refuse("be longer than 63 bytes", {{"length", static_cast<int64_t>(name.size())}});
  if (name.find('\0') != std::string_view::npos)
    return refuse("contain a zero byte");
  std::string result = "\"";
  for (auto c : name) {
    if (c == '"')
      result += '"';
    result += c;
  }
  result += '"';
  return result;
}

} // namespace dbs::postgres
