// Versions for what is written: later than all that this process has seen, and near the wall
// clock, so that what another process writes later is newer, too.
//
// A hybrid logical clock (Kulkarni, Demirbas, Madappa, Avva, Leone: Logical Physical Clocks,
// 2014) in one number of microseconds: it follows the wall clock, and is pushed by what it
// meets.
#pragma once

#include "dbs/runtime/cache/version.hpp"
#include "dbs/runtime/cache/wall_clock.hpp"

#include <algorithm>
#include <utility>

namespace dbs::cache {

/// Not thread-safe.
class hybrid_clock {
public:
  explicit hybrid_clock(version_clock clock) : clock_(std::move(clock)) {}

  /// Newer than all before it and all that were observed.
  version next() {
    last_ = std::max(clock_(), last_ + 1);
    return {epoch, last_};
  }

  /// To be told every version that comes from elsewhere. What no clock says for centuries to
  /// come is a mistake, and does not count.
  void observe(const version& vers) noexcept {
    if (vers.epoch == epoch && is_credible(vers))
      last_ = std::max(last_, vers.sequence);
  }

private:
  /// That of the key's owner; as long as keys have none it is the same everywhere.
  static constexpr uint64_t epoch = 1;

  version_clock clock_;
  uint64_t last_ = 0;
};

} // namespace dbs::cache
