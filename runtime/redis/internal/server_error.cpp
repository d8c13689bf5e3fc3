#include "dbs/runtime/redis/internal/server_error.hpp"

#include "dbs/messages/error_detail.hpp"

#include <algorithm>
#include <cctype>

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

caf::error server_error(std::string_view text) {
  auto line = one_line(text);
  auto word = line.substr(0, line.find(' '));
  return fail(errc::query_failed, std::move(line), {{"redis_error", std::move(word)}});
}

std::string reason(const boost::system::error_code& code) {
  auto result = code.message();
  if (!result.empty())
    result[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(result[0])));
  return result;
}

} // namespace dbs::redis::internal
