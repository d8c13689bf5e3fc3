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

/// A sequence that microseconds since 1970 reach in centuries, or an epoch that counts more than
/// owners can have been, is a mistake, or worse.
constexpr bool is_credible(const version& vers) noexcept {
  return vers.epoch <= UINT32_MAX && vers.sequence < uint64_t{1} << 53;
}

} // namespace dbs::cache
