// What the parts of the cache's third level share: the database they ask, the bounds, and what
// they count.
#pragma once

#include "dbs/messages/error_detail.hpp"
#include "dbs/runtime/cache/l3_statements.hpp"
#include "dbs/runtime/cache/level_figures.hpp"
#include "dbs/runtime/io/timer_queue.hpp"

#include <caf/timespan.hpp>

#include <cstdint>
#include <functional>
#include <memory>

namespace dbs::cache {

/// Names a statement; comes back with its result.
using l3_token = uint64_t;

/// Executes the statements of the level; implemented by its owner.
class l3_database {
public:
  /// `flush` is to be called at the end of this turn, or soon.
  virtual void flush_soon() = 0;

  /// Answers once by `l3_core::on_result`, by the deadline or soon after, and not before this
  /// returns.
  virtual void execute(pg_statement what, timer_queue::time_point deadline, l3_token token) = 0;

protected:
  ~l3_database() = default;
};

struct l3_limits {
  /// Keys and bytes of calls that wait; more are `overloaded`. An erasure counts as a key.
  size_t max_keys = 50'000;
  size_t max_bytes = size_t{64} << 20;
  /// Statements of each kind that are under way at a time, but for erasures: one.
  size_t reads_in_flight = 2;
  size_t writes_in_flight = 2;
  /// Keys of one statement.
  size_t statement_keys = 1000;
  /// Keys and values of one statement that writes, unless one row alone has more; and values
  /// in one answer.
  size_t statement_bytes = size_t{4} << 20;
  /// Statements of up to so many bytes share connections with others.
  size_t shared_bytes = size_t{64} << 10;
  /// For callers without a deadline.
  caf::timespan statement_timeout = std::chrono::seconds{30};
  /// Rows of one statement that erases.
  size_t erase_rows = 1000;
  size_t clean_rows = 500;
  caf::timespan clean_interval = std::chrono::minutes{1};
  /// How often a write is sent that somebody else gets in the way of.
  uint32_t attempts = 20;
};

/// How the level stands, and what it has counted since it was made, beyond `level_figures`.
struct l3_figures {
  size_t waiting_keys = 0;
  size_t waiting_bytes = 0;
  size_t in_flight = 0; // statements

  uint64_t statements = 0;
  uint64_t failed_statements = 0;
  uint64_t overloaded = 0;
  uint64_t in_doubt = 0;
  /// Writes that were sent again, since somebody else had got in the way.
  uint64_t repeated = 0;
  /// Rows that erasures of prefixes and tags have made tombstones of.
  uint64_t erased = 0;
  /// Rows that need not be kept any more, and were deleted.
  uint64_t cleaned = 0;
};

/// For who has the turn of the loop, as everything that uses it.
struct l3_context {
  using time_point = timer_queue::time_point;

  l3_statements sql;
  l3_limits limits;
  timer_queue& timers;
  l3_database& database;
  std::shared_ptr<level_counters> counters;
  std::function<wall_time()> clock;
  l3_figures figures;
  /// Of calls and statements alike: what has the lower one was asked for before.
  uint64_t last_id = 0;
  /// Why nothing can be asked at the moment; empty if it can.
  caf::error closed;

  /// Why a call is not taken; empty if it is, and counts as waiting.
  caf::error admit(size_t keys, size_t bytes) {
    if (closed)
      return closed;
    if (figures.waiting_keys + keys > limits.max_keys ||
        figures.waiting_bytes + bytes > limits.max_bytes) {
      ++figures.overloaded;
      auto number = [](size_t x) { return static_cast<int64_t>(x); };
      return fail(errc::overloaded, "too much waits for the cache's table",
                  {{"keys", number(figures.waiting_keys)},
                   {"max_keys", number(limits.max_keys)},
                   {"bytes", number(figures.waiting_bytes)},
                   {"max_bytes", number(limits.max_bytes)}});
    }
    figures.waiting_keys += keys;
    figures.waiting_bytes += bytes;
    return {};
  }

  /// What was admitted does not wait any more.
  void waits_no_more(size_t keys, size_t bytes) {
    figures.waiting_keys -= keys;
    figures.waiting_bytes -= bytes;
  }

  l3_token send(pg_statement what, time_point deadline) {
    what.share = what.params.bytes() <= limits.shared_bytes;
    ++figures.statements;
    ++figures.in_flight;
    auto token = ++last_id;
    database.execute(std::move(what), std::min(deadline, timers.now() + limits.statement_timeout),
                     token);
    return token;
  }

  /// Counts `keys` that are answered with an error.
  void count_error(const caf::error& reason, size_t keys) {
    auto& counted = counters->counted;
    (reason == errc::deadline_exceeded ? counted.timeouts : counted.errors) += keys;
    figures.in_doubt += reason == errc::in_doubt ? 1 : 0;
  }

  /// Whether the server has undone a statement because of others, and it may be sent again.
  static bool may_repeat(const caf::error& reason) {
    auto state = detail(reason).sqlstate;
    return state == "40001" || state == "40P01";
  }
};

inline caf::error l3_late() {
  return fail(errc::deadline_exceeded, "the cache's table has not answered in time");
}

inline caf::error l3_in_doubt() {
  return fail(errc::in_doubt, "the cache's table has not answered in time: whether the write has "
                              "taken effect is unknown");
}

inline caf::error l3_restarted() {
  return fail(errc::restarted, "the cache's third level has ended");
}

} // namespace dbs::cache
