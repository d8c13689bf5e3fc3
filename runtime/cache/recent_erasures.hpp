// Prefixes and tags that were erased not long ago: what was read before must not be kept.
#pragma once

#include "dbs/messages/cache/cache.hpp"
#include "dbs/runtime/cache/stored_value.hpp"
#include "dbs/runtime/cache/version.hpp"

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>

namespace dbs::cache {

/// Not thread-safe.
class recent_erasures {
public:
  /// More prefixes, or tags, are not taken.
  static constexpr size_t max_texts = 10'000;

  /// Forgets what is too old, if that makes room. False if there is none.
  bool has_room_for(const cache_invalidate& what, wall_time now);

  /// `vers` is newer than all before.
  void add(const cache_invalidate& what, const version& vers, wall_time until);

  /// Whether it was erased after it had been made.
  bool cover(std::string_view key, const stored_value& found) const;

private:
  struct mark {
    version vers;
    wall_time until;
  };

  using marks = std::unordered_map<std::string, mark>;

  static bool is_newer(const marks& all, std::string_view text, const version& than);

  marks tags_;
  marks prefixes_;
  /// How many prefixes have a length.
  std::map<size_t, size_t> lengths_;
};

} // namespace dbs::cache
