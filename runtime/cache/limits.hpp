// What the levels of the cache agree on.
#pragma once

#include "dbs/config/settings.hpp"

#include <chrono>
#include <cstddef>

namespace dbs::cache {

/// Keys are 1 to so many bytes of UTF-8 without control characters. What stands before the
/// first ':' is the namespace.
inline constexpr size_t max_key_bytes = 512;

/// How long a level remembers that a key was removed, and keeps what was put last even if it
/// is gone before: longer than anything that was read before may take to be stored.
inline std::chrono::milliseconds erasure_ttl(const cache_settings& settings) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(2 * settings.load_timeout) +
         std::chrono::seconds{10};
}

} // namespace dbs::cache
