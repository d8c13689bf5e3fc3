#include "dbs/runtime/cache/key_rules.hpp"

#include "dbs/messages/error_detail.hpp"
#include "dbs/messages/utf8.hpp"
#include "dbs/runtime/cache/limits.hpp"
#include "dbs/runtime/cache/stored_value.hpp"

#include <functional>

namespace dbs::cache {

namespace {

constexpr caf::timespan max_ttl = std::chrono::hours{24 * 3650};

bool is_printable(std::string_view text) {
  for (size_t pos = 0; pos < text.size();) {
    auto [code, length] = decode_utf8(text, pos);
    if (length == 0 || is_control(code))
      return false;
    pos += length;
  }
  return true;
}

} // namespace

caf::error check_name(std::string_view what, std::string_view name, size_t max_bytes) {
  auto refuse = [what](const std::string& why) {
    return fail(errc::invalid_argument, "a " + std::string{what} + " of the cache " + why);
  };
  if (name.empty())
    return refuse("is not empty");
  if (name.size() > max_bytes)
    return refuse("has at most " + std::to_string(max_bytes) + " bytes, not " +
                  std::to_string(name.size()));
  if (!is_printable(name))
    return refuse("is UTF-8 without control characters");
  return {};
}

caf::error check_key(std::string_view key) {
  return check_name("key", key, max_key_bytes);
}

caf::error check_put(const cache_put& what, const cache_settings& settings) {
  if (auto refused = check_key(what.key))
    return refused;
  if (what.value.size() > settings.max_value_bytes)
    return fail(errc::payload_too_large, "the value is larger than cache.max_value_bytes",
                {{"bytes", static_cast<int64_t>(what.value.size())},
                 {"max_bytes", static_cast<int64_t>(settings.max_value_bytes)}});
  if (what.negative && !what.value.empty())
    return fail(errc::invalid_argument, "a negative entry of the cache has no value");
  if (what.ttl && (*what.ttl < std::chrono::milliseconds{1} || *what.ttl > max_ttl))
    return fail(errc::invalid_argument, "a time to live is from 1 ms to 3650 days");
  if (what.tags.size() > stored_value::max_tags)
    return fail(errc::invalid_argument, "an entry of the cache has at most " +
                                            std::to_string(stored_value::max_tags) + " tags, not " +
                                            std::to_string(what.tags.size()));
  for (auto& tag : what.tags)
    if (auto refused = check_name("tag", tag, stored_value::max_tag_bytes))
      return refused;
  return {};
}

uint64_t tag_bits(std::string_view tag) noexcept {
  auto hash = std::hash<std::string_view>{}(tag);
  return uint64_t{1} << (hash & 63) | uint64_t{1} << (hash >> 6 & 63);
}

uint64_t tag_bits(const std::vector<std::string>& tags) noexcept {
  uint64_t result = 0;
  for (auto& tag : tags)
    result |= tag_bits(tag);
  return result;
}

} // namespace dbs::cache
