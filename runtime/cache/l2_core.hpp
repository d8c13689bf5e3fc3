// The second level of the cache: values in Redis, which all processes share.
//
// In Redis, with `cache.l2_prefix` before them:
//
// | key       | what                                                                          |
// |-----------|-------------------------------------------------------------------------------|
// | `:c:KEY`  | an envelope (envelope.hpp): a value, or a tombstone                           |
// | `:t:TAG`  | a mark, as a tombstone: what has the tag and an older version is not there    |
//
// Everything is stored by one script (l2_script.hpp) that refuses what is older than what is
// there. Whoever writes last has therefore nothing to do with whoever is newest.
//
// How long things live: a value until its hard expiry, but at least `erasure_ttl`, so that
// nothing that was loaded before comes back behind it; a tombstone for `erasure_ttl`. Marks
// live for twice `cache.l2_ttl`, at least a day, and `erasure_ttl` more; values with tags at
// most for the former, so that no value outlives a mark that means it.
#pragma once

#include "dbs/config/settings.hpp"
#include "dbs/messages/cache/stats.hpp"
#include "dbs/runtime/cache/cache_level.hpp"
#include "dbs/runtime/cache/l2_script.hpp"
#include "dbs/runtime/cache/level_figures.hpp"
#include "dbs/runtime/cache/slab.hpp"
#include "dbs/runtime/cache/tag_marks.hpp"
#include "dbs/runtime/io/loop_link.hpp"
#include "dbs/runtime/observe/latency_window.hpp"
#include "dbs/runtime/observe/log.hpp"
#include "dbs/runtime/redis/redis_core.hpp"

#include <functional>
#include <memory>

namespace dbs::cache {

struct l2_options {
  cache_settings settings;
  std::shared_ptr<loop_link<redis::redis_core>> redis;
  std::shared_ptr<level_counters> counters;
  /// How long reads take, from asking to the answer, or to giving up; outlives the level.
  observe::histogram* waits = nullptr;
  std::shared_ptr<observe::logger> log;
  /// What expiry is compared with.
  wall_clock clock = system_wall_time;
};

/// Errors: those of Redis' client, as they are; `connection_lost` while it is restarted.
///
/// - What is there, but does not count any more, past its expiry or erased by a tag, is read
///   as a tombstone with its own version: a `fill` has to say that this is what it has seen.
/// - Bytes that are no envelope are logged, counted and not there.
/// - A mark that another process has written is seen here within `cache.l1_ttl`.
/// - `erase_prefix` looks at all keys of the server, page by page. Values that are stored
///   behind its back, by those who have loaded them before, stay: whoever erases has to see
///   to those of the own process, and other processes may publish what they were loading.
///   With an error, some may be erased.
class l2_core final : public cache_level, private redis::reply_sink {
public:
  l2_core(l2_options options, timer_queue& timers);

  /// Answers what is open with `restarted`.
  ~l2_core() override;

  l2_core(const l2_core&) = delete;
  l2_core& operator=(const l2_core&) = delete;

  void read(std::string_view key, time_point deadline, level_sink& to, level_token token) override;
  void read(const std::vector<std::string>& keys, time_point deadline, level_sink& to,
            level_token token) override;
  void write(std::string_view key, const stored_value& what, time_point deadline, level_sink& to,
             level_token token) override;
  void fill(std::string_view key, const stored_value& what, const version& seen,
            time_point deadline, level_sink& to, level_token token) override;
  void erase_prefix(std::string_view prefix, const version& vers, time_point deadline,
                    level_sink& to, level_token token) override;
  void erase_tag(std::string_view tag, const version& vers, time_point deadline, level_sink& to,
                 level_token token) override;
  void forget(level_sink& to) override;

  /// To be called once a second: moves the window in which response times are looked at.
  void tick();

  /// Has Redis' client keep half as many connections more, if Redis is slow, or a quarter
  /// less, if it takes less than a millisecond, within `redis.pool_min` and `redis.pool_max`.
  /// Sets what `cache_sizes` says of L2.
  ///
  /// Error: `connection_lost` while Redis' client is restarted.
  caf::expected<cache_sizes> optimize();

  /// There is a connection to Redis, and it answers.
  bool connected() const noexcept;

  /// Of reads over the last one to two windows of ten seconds, those without an answer
  /// among them; nothing if there were none.
  std::optional<caf::timespan> response_p95() const;

  /// Redis takes more than 10 ms, or so long that reads are given up (`cache.l2_timeout`).
  bool slow() const;

  /// Has `done` called when no call is without an answer: at once, or later. Whoever asks
  /// meanwhile is served.
  void when_idle(std::function<void()> done);

  /// Calls without an answer: each is at least a command without one of Redis' client, which
  /// bounds them.
  size_t open_calls() const noexcept { return calls_.used(); }

private:
  enum class call_kind : uint8_t { read, read_many, write, erase_prefix, erase_tag };

  /// Who has asked for what.
  struct question {
    level_sink* to = nullptr; // null: forgotten
    level_token token = 0;
    call_kind kind = call_kind::read;
    time_point asked;
    time_point deadline;
    size_t keys = 1;
  };

  /// What a call has to keep that Redis is asked for more than once.
  struct progress {
    // Of reads:
    std::vector<std::optional<stored_value>> found;
    /// Whose marks have been asked for; empty before.
    std::vector<std::string> tags;
    // Of `erase_prefix`:
    std::string pattern;
    std::string cursor;
    blob tombstone;
  };

  struct call : question, progress {};

  static bool is_read(call_kind kind) noexcept {
    return kind == call_kind::read || kind == call_kind::read_many;
  }

  // -- l2_core.cpp -----------------------------------------------------------------------

  size_t open(call_kind kind, time_point deadline, level_sink& to, level_token token);
  question close(size_t index);
  void failed(size_t index, caf::error reason);
  static void refuse(const question& what, const caf::error& reason);
  /// One command, or a batch of them.
  template <class What>
  void run(size_t index, What what);
  void store(size_t index, const std::string& key, const stored_value& what,
             std::chrono::milliseconds life, const std::optional<version>& seen);
  std::chrono::milliseconds life_of(const stored_value& what) const;
  void on_stored(size_t index, const redis_reply& reply);

  // -- l2_read.cpp -----------------------------------------------------------------------

  void get_many(size_t index, const std::string& prefix, const std::vector<std::string>& keys,
                size_t most);
  void on_got(size_t index, std::span<const redis_reply> replies);
  void on_value(size_t index, const redis_value& what);
  void on_values(size_t index, std::span<const redis_reply> replies);
  void on_marks(size_t index, std::span<const redis_reply> replies);
  void on_corrupt_value(size_t index, const caf::error& why);
  std::optional<stored_value> take_value(const redis_value& what);
  std::optional<stored_value> take(const redis_value& what, size_t max_value_bytes);
  void check_tags(size_t index);
  void deliver(size_t index, std::optional<stored_value> found);
  void deliver_all(size_t index);
  void measure(const question& what);
  void count(const std::optional<stored_value>& found);
  void corrupt(const caf::error& why);

  // -- l2_erase.cpp ----------------------------------------------------------------------

  void scan(size_t index);
  void on_scanned(size_t index, const redis_reply& reply);
  void on_page_erased(size_t index, std::span<const redis_reply> replies);
  void next_page(size_t index);

  // redis::reply_sink
  void on_reply(redis::request_token token, caf::expected<redis_reply> reply) override;
  void on_replies(redis::request_token token,
                  caf::expected<std::vector<redis_reply>> replies) override;

  static std::string key_of(const std::string& prefix, std::string_view key);

  level_figures& counted() noexcept { return options_.counters->counted; }

  const l2_options options_;
  const std::string key_prefix_;
  const std::string tag_prefix_;
  const std::chrono::milliseconds erasure_ttl_;
  const std::chrono::milliseconds tagged_ttl_;
  timer_queue& timers_;
  const l2_script script_;
  slab<call> calls_;
  tag_marks marks_;
  /// Of the values that were read lately, as they lie in Redis.
  size_t mean_bytes_ = 0;
  observe::latency_window recent_;
  std::function<void()> when_idle_;
};

} // namespace dbs::cache
