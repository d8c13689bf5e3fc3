#include "dbs/runtime/redis/internal/server_error.hpp"

#include <algorithm>
#include <cctype>
#include <system_error>

namespace dbs::redis::internal {

namespace {

constexpr size_t max_text = 256;

} // namespace

std::string one_line(std::string_view text) {
  std::string result{text.substr(0, max_text)};
  // Bytes above 0x7f could be cut in the middle of a character.
  std::replace_if(
      result.begin(), result.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
  return result;
}

errc code_of(std::string_view text) noexcept {
  auto word = text.substr(0, text.find(' '));
  if (word == "NOPERM")
    return errc::forbidden;
  if (word == "NOAUTH" || word == "WRONGPASS")
    return errc::unauthenticated;
  if (word == "LOADING" || word == "BUSY" || word == "MASTERDOWN" || word == "CLUSTERDOWN" ||
      word == "TRYAGAIN" || word == "DENIED")
    return errc::peer_unavailable;
  return errc::query_failed;
}

std::string reason(int error_number) {
  auto result = std::generic_category().message(error_number);
  if (!result.empty())
    result[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(result[0])));
  return result;
}

} // namespace dbs::redis::internal
