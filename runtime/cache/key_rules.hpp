// What may be a key, a tag, a namespace.
#pragma once

#include "dbs/config/settings.hpp"
#include "dbs/messages/cache/cache.hpp"

#include <caf/error.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace dbs::cache {

/// What stands before the first ':'; all of it if there is none.
inline std::string_view namespace_of(std::string_view key) noexcept {
  return key.substr(0, key.find(':'));
}

/// `invalid_argument` saying what is wrong; empty if nothing is. `what` is "key", "tag", ...
caf::error check_name(std::string_view what, std::string_view name, size_t max_bytes);

caf::error check_key(std::string_view key);

/// `payload_too_large` for a value beyond the limit, else as `check_key`.
caf::error check_put(const cache_put& what, const cache_settings& settings);

/// Two bits of 64 for each tag, see `entry_meta::tags`.
uint64_t tag_bits(std::string_view tag) noexcept;
uint64_t tag_bits(const std::vector<std::string>& tags) noexcept;

} // namespace dbs::cache
