// What tells a newer value of a key from an older one.
#pragma once

#include <compare>
#include <cstdint>

namespace dbs::cache {

/// (epoch of the key's owner, sequence): compared as a pair. The default is older than
/// all others; it is what values without a version have.
struct version {
  uint64_t epoch = 0;
  uint64_t sequence = 0;

  friend auto operator<=>(const version&, const version&) = default;
};

} // namespace dbs::cache
