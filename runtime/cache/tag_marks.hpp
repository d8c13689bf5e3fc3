// What is known of the erasures of tags: marks that lie in Redis, each the version before
// which nothing with the tag is there any more.
#pragma once

#include "dbs/runtime/cache/keyed_hash.hpp"
#include "dbs/runtime/cache/version.hpp"
#include "dbs/runtime/io/timer_queue.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace dbs::cache {

/// Remembers each mark for a while; bounded. Not thread-safe.
///
/// In two halves: when the younger one is full it becomes the older one, which is forgotten.
/// What is forgotten is only asked for once more.
class tag_marks {
public:
  using time_point = timer_queue::time_point;

  static constexpr size_t max_tags = 10'000;

  /// The mark of a tag, that of the default standing for none; nothing if it is not known.
  std::optional<version> find(std::string_view tag, time_point now) const;

  /// What was found in Redis, or is being written there. A later one that is known stays.
  void learn(std::string_view tag, const version& mark, time_point now, time_point until);

  size_t size() const noexcept { return younger_.size() + older_.size(); }

private:
  struct known {
    version mark;
    time_point until;
  };

  struct hash {
    using is_transparent = void;
    size_t operator()(std::string_view tag) const noexcept { return keyed(tag); }
    keyed_hash keyed;
  };

  using table = std::unordered_map<std::string, known, hash, std::equal_to<>>;

  table younger_;
  table older_;
};

} // namespace dbs::cache
