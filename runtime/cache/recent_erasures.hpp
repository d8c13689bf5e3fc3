// Prefixes and tags that were erased not long ago: what was read before must not be kept.
#pragma once

#include "dbs/messages/cache/cache.hpp"
#include "dbs/runtime/cache/stored_value.hpp"
#include "dbs/runtime/cache/text_map.hpp"
#include "dbs/runtime/cache/version.hpp"

#include <cstddef>
#include <map>
#include <string_view>

namespace dbs::cache {

/// Not thread-safe.
class recent_erasures {
public:
  /// More prefixes, or tags, are not taken.
  static constexpr size_t max_texts = 10'000;

  /// Forgets what is too old. False if there is no room.
  bool has_room_for(const cache_invalidate& what, wall_time now);

  /// `vers` is newer than all before.
  void add(const cache_invalidate& what, const version& vers, wall_time until);

  /// Whether it was erased after it had been made.
  bool cover(std::string_view key, const stored_value& found, wall_time now) const;

private:
  struct mark {
    version vers;
    wall_time until;
  };

  using marks = text_map<mark>;

  void forget_old(wall_time now);
  static bool is_newer(const marks& all, std::string_view text, const version& than, wall_time now);

  marks tags_;
  marks prefixes_;
  /// How many prefixes have a length.
  std::map<size_t, size_t> lengths_;
  wall_time looked_through_ = wall_time::min();
};

} // namespace dbs::cache
