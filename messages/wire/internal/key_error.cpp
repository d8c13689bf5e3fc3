#include "dbs/messages/wire/internal/key_error.hpp"

#include "dbs/messages/error_detail.hpp"

#include <algorithm>
#include <string>

namespace dbs::wire::internal {

caf::error key_error(errc code, std::string_view key, std::string_view problem) {
  constexpr size_t max_shown = 64;
  std::string shown{key.substr(0, max_shown)};
  std::replace_if(
      shown.begin(), shown.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
  auto what = "key \"" + shown + "\" ";
  what += problem;
  return fail(code, std::move(what), {{"key", std::move(shown)}});
}

} // namespace dbs::wire::internal
