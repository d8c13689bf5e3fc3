// Keys whose last write has not arrived on every level yet.
//
// Until it has, what a level says of such a key may be older than what somebody was told:
// whoever reads compares with the version here. A level that could not be reached is told to
// remove the key as soon as it is there again.
#pragma once

#include "dbs/runtime/cache/text_map.hpp"
#include "dbs/runtime/cache/version.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace dbs::cache {

/// Sets of the levels beyond this process.
enum level_set : uint8_t { no_level = 0, level_2 = 1, level_3 = 2, both_levels = 3 };

constexpr level_set operator|(level_set x, level_set y) noexcept {
  return static_cast<level_set>(static_cast<unsigned>(x) | static_cast<unsigned>(y));
}

constexpr level_set operator&(level_set x, level_set y) noexcept {
  return static_cast<level_set>(static_cast<unsigned>(x) & static_cast<unsigned>(y));
}

constexpr level_set without(level_set x, level_set y) noexcept {
  return static_cast<level_set>(static_cast<unsigned>(x) & ~static_cast<unsigned>(y));
}

/// Not thread-safe.
class unsettled_writes {
public:
  /// More keys are not taken: whoever writes is told so.
  static constexpr size_t max_keys = 10'000;

  /// What is to be removed from where.
  struct failed_write {
    std::string key;
    /// That of the removal: right behind the write, and older than what comes behind that.
    version vers;
    level_set levels;
  };

  size_t size() const noexcept { return all_.size(); }

  bool has_room_for(std::string_view key) const {
    return all_.size() < max_keys || all_.find(key) != all_.end();
  }

  /// A write of `vers` to `levels` begins; it is newer than the one before.
  void begin(std::string_view key, const version& vers, level_set levels);

  /// The same write goes on under a newer version.
  void renew(std::string_view key, const version& vers, const version& newer);

  /// A removal that `failed` has told begins.
  void begin_removal(const failed_write& what);

  bool is_latest(std::string_view key, const version& vers) const;

  /// It has arrived. Means nothing if a newer one has begun.
  void settle(std::string_view key, const version& vers, level_set level);

  /// It has not, or nobody knows.
  void fail(std::string_view key, const version& vers, level_set level);

  /// What has arrived, or may arrive, is to be removed again, from `levels`, as of `vers`. Means
  /// nothing if there is a newer write.
  void spoil(std::string_view key, const version& vers, level_set levels);

  /// All that have begun: whoever waited for them is gone.
  void fail_all() noexcept;

  /// That of the last write of the key which has not arrived on `level`; the default if all have.
  version missing_on(std::string_view key, level_set level) const;

  /// Up to `most` keys whose write has failed on one of the levels that are `there`, and runs
  /// nowhere.
  std::vector<failed_write> failed(size_t most, level_set there) const;

private:
  struct state {
    version vers;
    level_set open;
    level_set failed;
  };

  state* find(std::string_view key, const version& vers);

  text_map<state> all_;
};

} // namespace dbs::cache
