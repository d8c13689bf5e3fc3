// The third level of the cache: a table in PostgreSQL, which outlives all processes and has
// room for more than memory.
//
// What many callers ask for is gathered into few statements, as a log gathers commits: while
// as many as may be are under way, the next ones grow. One caller alone waits for nobody.
#pragma once

#include "dbs/config/settings.hpp"
#include "dbs/runtime/cache/l3_erasures.hpp"
#include "dbs/runtime/cache/l3_reads.hpp"
#include "dbs/runtime/cache/l3_writes.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <random>

namespace dbs::cache {

/// The logic of the level; its owner executes the statements. Not thread-safe: for who has the
/// turn of the loop of its timers.
///
/// - A deadline that passes is answered `deadline_exceeded`, or `in_doubt` by a write whose
///   statement is under way.
/// - Errors of statements are those of the pool, see docs/errors.md; a read is never in doubt.
/// - Keys, prefixes, tags and values that the table cannot hold are `invalid_argument` or
///   `payload_too_large`, and nobody else's statement fails for them.
class l3_core final : public cache_level {
public:
  /// @param clock what all hosts agree on.
  l3_core(const cache_settings& settings, const l3_limits& limits, timer_queue& timers,
          l3_database& database, std::shared_ptr<level_counters> counters,
          std::function<wall_time()> clock, uint64_t seed);

  ~l3_core() override;

  l3_core(const l3_core&) = delete;
  l3_core& operator=(const l3_core&) = delete;

  // -- cache_level --------------------------------------------------------------------

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

  // -- for its owner ------------------------------------------------------------------

  /// The table is there: what is asked from here on is sent, and old rows are deleted. Before
  /// the first time everything is answered `not_ready`.
  void open();

  /// It is not: what waits, and what is asked from here on, is answered with `reason`; what is
  /// under way as it turns out.
  void close(const caf::error& reason);

  bool is_open() const noexcept { return !context_.closed; }

  /// Sends what was gathered.
  void flush();

  void on_result(l3_token token, caf::expected<pg_result> result);

  /// Nobody waits for anything.
  bool idle() const noexcept { return reads_.idle() && writes_.idle() && erasures_.idle(); }

  const l3_statements& sql() const noexcept { return context_.sql; }

  const l3_figures& figures() const noexcept { return context_.figures; }

private:
  void store(std::string_view key, const stored_value& what, const std::optional<version>& seen,
             time_point deadline, level_sink& to, level_token token);
  void erase(l3_scope scope, std::string_view text, const version& vers, time_point deadline,
             level_sink& to, level_token token, const caf::error& refused);
  void clean();
  void on_cleaned(const caf::expected<pg_result>& result);

  const size_t max_value_bytes_;
  l3_context context_;
  l3_reads reads_;
  l3_writes writes_;
  l3_erasures erasures_;
  std::minstd_rand random_;
  timer_queue::timer_id clean_timer_;
  l3_token cleaning_ = 0;
};

} // namespace dbs::cache
