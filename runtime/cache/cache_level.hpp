// A level of the cache beyond this process, as the cache's logic sees it: Redis, or a table
// in PostgreSQL, or a script in a test.
#pragma once

#include "dbs/runtime/cache/stored_value.hpp"
#include "dbs/runtime/io/timer_queue.hpp"

#include <caf/expected.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dbs::cache {

/// Chosen by whoever asks; comes back with the answer.
using level_token = uint64_t;

/// What became of a write.
struct level_write {
  /// False: what is there is newer, or is not what the writer has seen.
  bool done = false;
  /// What is there now.
  version vers;
  /// There was a value before, negative ones and tombstones not counted.
  bool had_value = false;
};

/// Is told the answers, in the turn of the loop: perhaps before the call that asks returns.
class level_sink {
public:
  /// The answer to `read` of one key: what is there, tombstones included.
  virtual void on_value(level_token token, caf::expected<std::optional<stored_value>> found) = 0;

  /// The answer to `read` of many keys, in their order.
  virtual void on_values(level_token token,
                         caf::expected<std::vector<std::optional<stored_value>>> found) = 0;

  virtual void on_written(level_token token, caf::expected<level_write> what) = 0;

  /// The answer to `erase_prefix` and `erase_tag`.
  virtual void on_erased(level_token token, caf::expected<void> what) = 0;

protected:
  ~level_sink() = default;
};

/// Every call is answered once, by its deadline, unless the sink is forgotten before. When the
/// level ends it answers all with `restarted`. Not thread-safe: for who has the turn of its loop.
class cache_level {
public:
  using time_point = timer_queue::time_point;

  virtual ~cache_level() = default;

  /// A value is not there if it is past its hard expiry, if it is older than the erasure of
  /// one of its tags, or if its bytes make no sense.
  virtual void read(std::string_view key, time_point deadline, level_sink& to,
                    level_token token) = 0;
  virtual void read(const std::vector<std::string>& keys, time_point deadline, level_sink& to,
                    level_token token) = 0;

  /// Stores `what` unless there is something newer, or as new, tombstones included. Keeps it at
  /// least as long as a load may take, so that what was loaded before cannot come back.
  virtual void write(std::string_view key, const stored_value& what, time_point deadline,
                     level_sink& to, level_token token) = 0;

  /// Stores what was loaded, if what is there has still the version `seen`, that of the default
  /// standing for nothing, and is older.
  virtual void fill(std::string_view key, const stored_value& what, const version& seen,
                    time_point deadline, level_sink& to, level_token token) = 0;

  /// Removes what is older than `vers` and begins with `prefix`.
  virtual void erase_prefix(std::string_view prefix, const version& vers, time_point deadline,
                            level_sink& to, level_token token) = 0;

  /// What is older than `vers` and has the tag is not there any more.
  virtual void erase_tag(std::string_view tag, const version& vers, time_point deadline,
                         level_sink& to, level_token token) = 0;

  /// `to` is not told anything any more.
  virtual void forget(level_sink& to) = 0;
};

} // namespace dbs::cache
