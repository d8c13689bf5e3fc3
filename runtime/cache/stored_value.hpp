// What a level beyond this process keeps of a key.
#pragma once

#include "dbs/messages/blob.hpp"
#include "dbs/runtime/cache/version.hpp"
#include "dbs/runtime/cache/wall_clock.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace dbs::cache {

enum class stored_kind : uint8_t {
  value,
  /// It is known that there is nothing.
  negative,
  /// The key was removed with this version; what is older must not come back.
  tombstone,
};

struct stored_value {
  /// A key is put with at most so many tags, of so many bytes each.
  static constexpr size_t max_tags = 16;
  static constexpr size_t max_tag_bytes = 128;

  version vers;
  stored_kind kind = stored_kind::value;
  /// From then on it is stale.
  wall_time soft = wall_time::max();
  /// From then on it is gone.
  wall_time hard = wall_time::max();
  std::vector<std::string> tags;
  blob value;

  friend bool operator==(const stored_value&, const stored_value&) = default;
};

} // namespace dbs::cache
