// Prefixes and tags that were erased not long ago: what was read before must not be kept.
#pragma once

#include "dbs/messages/cache/cache.hpp"
#include "dbs/runtime/cache/stored_value.hpp"
#include "dbs/runtime/cache/text_map.hpp"
#include "dbs/runtime/cache/version.hpp"
#include "dbs/runtime/io/timer_queue.hpp"

#include <cstddef>
#include <set>
#include <string_view>

namespace dbs::cache {

/// Not thread-safe.
class recent_erasures {
public:
  /// Of the actor clock: the wall clock may jump, and let what was erased come back.
  using time_point = timer_queue::time_point;

  /// More prefixes, or tags, are not taken.
  static constexpr size_t max_texts = 10'000;

  /// Forgets what is too old. False if there is no room.
  bool has_room_for(const cache_invalidate& what, time_point now);

  /// `vers` is newer than all before.
  void add(const cache_invalidate& what, const version& vers, time_point until);

  /// Whether it was erased after it had been made.
  bool cover(std::string_view key, const stored_value& found, time_point now) const;

private:
  struct mark {
    version vers;
    time_point until;
  };

  using marks = text_map<mark>;

  void forget_old(time_point now);
  static bool is_newer(const marks& all, std::string_view text, const version& than,
                       time_point now);

  marks tags_;
  marks prefixes_;
  /// Those that prefixes have.
  std::set<size_t> lengths_;
  time_point looked_through_ = time_point::min();
};

} // namespace dbs::cache
