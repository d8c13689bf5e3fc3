// Stands for tombstones that there was no room for.
#pragma once

#include "dbs/runtime/cache/coarse_clock.hpp"
#include "dbs/runtime/cache/version.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>

namespace dbs::cache {

/// Versions below which nothing is let in for a while, whatever the key. One for each
/// eighth of a tombstone's life, so that a high version is not kept longer because low ones
/// follow it: none counts for more than an eighth too long.
class version_floor {
public:
  using time_point = coarse_clock::time_point;

  explicit version_floor(std::chrono::milliseconds tombstone_ttl) noexcept
      : span_(tombstone_ttl / (span_count - 1) + std::chrono::milliseconds{1}) {}

  /// `until` is at most a tombstone's life from now.
  void raise(const version& vers, time_point until, time_point now) noexcept {
    // Two times that meet here and are not of one span are so far apart that the earlier
    // has passed.
    auto number = until.time_since_epoch() / span_;
    auto& x = spans_[static_cast<size_t>(number) % span_count];
    if (x.until <= now)
      x = {};
    x.vers = std::max(x.vers, vers);
    x.until = std::max(x.until, until);
  }

  /// Whether so old a version is not let in.
  bool covers(const version& vers, time_point now) const noexcept {
    return std::any_of(spans_.begin(), spans_.end(),
                       [&](const span& x) { return now < x.until && vers < x.vers; });
  }

private:
  static constexpr size_t span_count = 9;

  struct span {
    version vers;
    time_point until{};
  };

  std::chrono::milliseconds span_;
  std::array<span, span_count> spans_{};
};

} // namespace dbs::cache
