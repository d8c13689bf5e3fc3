// How L2 stores something in Redis: only if it is newer than what is there.
#pragma once

#include "dbs/messages/blob.hpp"
#include "dbs/messages/redis/command.hpp"
#include "dbs/messages/redis/reply.hpp"
#include "dbs/runtime/cache/stored_value.hpp"
#include "dbs/runtime/cache/version.hpp"
#include "dbs/runtime/redis/script.hpp"

#include <caf/expected.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace dbs::cache {

/// What one call did to its keys.
struct l2_stored {
  /// To how many of them it came.
  uint64_t done = 0;
  /// How many had a value that had not expired.
  uint64_t had_value = 0;
  /// What the last key has now.
  version there;
};

/// A script of Redis. What is there and is no envelope counts as nothing, of whatever type it
/// is, and is overwritten.
class l2_script {
public:
  l2_script();

  /// Stores the envelope under each key, if what is there is older.
  ///
  /// @param life how long Redis keeps it; without end if zero.
  /// @param seen if there is one: and if what is there has this version, that of the default
  ///        standing for nothing.
  redis_command call(std::span<const std::string_view> keys, const blob& envelope,
                     std::chrono::milliseconds life, wall_time now,
                     const std::optional<version>& seen = std::nullopt) const;

  /// Error: `protocol_error` if that is no answer to it.
  static caf::expected<l2_stored> read(const redis_reply& reply);

private:
  redis_script script_;
};

} // namespace dbs::cache
