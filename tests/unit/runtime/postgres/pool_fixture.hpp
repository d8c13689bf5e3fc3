// A pool on a scripted server and a clock that stands still unless told.
#pragma once

#include "dbs/runtime/postgres/pool_core.hpp"

#include "pool_scripted_connection.hpp"

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <variant>
#include <vector>

namespace dbs::postgres::test {

using namespace std::chrono_literals;

/// An answer: `code` is `none` for success.
struct answer {
  errc code = errc::none;
  caf::error reason;
  pg_lease lease;
  /// How many results a batch had.
  size_t results = 0;
  /// The last chunk of a transfer.
  bool last = false;

  std::string what() const { return detail(reason).what; }
  std::string sqlstate() const { return detail(reason).sqlstate; }

  /// The error's field of that name, rendered; "-" if there is none.
  std::string operator[](std::string_view name) const {
    for (auto& x : detail(reason).fields)
      if (x.name == name)
        return to_string(x.value);
    return "-";
  }
};

struct pool_fixture : pool_client, pool_listener {
  using time_point = timer_queue::time_point;

  static constexpr time_point never = time_point::max();

  explicit pool_fixture(uint32_t size = 2, uint32_t overflow = 0) {
    settings.pool_size = size;
    settings.max_overflow = overflow;
    settings.min_idle = 0;
    settings.acquire_timeout = 10s;
    settings.lifetime_jitter = 0;
  }

  pool_core& make_pool() {
    pool = std::make_unique<pool_core>(
        settings, pool_options{7, 42}, [this](auto& observer) { return server.make(observer); },
        timers, *this, *this);
    return *pool;
  }

  pool_core* operator->() { return pool ? pool.get() : &make_pool(); }

  // -- requests --------------------------------------------------------------------

  request_token execute(std::string sql, owner_id owner = 1, time_point deadline = never) {
    auto token = ++last_token;
    (*this)->execute(token, owner, statement(std::move(sql)), deadline);
    return token;
  }

  request_token share(std::string sql, owner_id owner = 1, time_point deadline = never) {
    auto token = ++last_token;
    (*this)->execute(token, owner, shared(statement(std::move(sql))), deadline);
    return token;
  }

  request_token checkout(owner_id owner = 1, time_point deadline = never, bool nested = false) {
    auto token = ++last_token;
    (*this)->checkout(token, owner, pg_checkout{nested}, deadline);
    return token;
  }

  request_token on_lease_execute(pg_lease lease, std::string sql, time_point deadline = never) {
    auto token = ++last_token;
    (*this)->execute(token, pg_lease_statement{lease, statement(std::move(sql))}, deadline);
    return token;
  }

  request_token batch(pg_lease lease, const std::vector<std::string>& sqls,
                      time_point deadline = never) {
    auto token = ++last_token;
    pg_batch what{lease, {}};
    for (auto& sql : sqls)
      what.statements.push_back(statement(sql));
    (*this)->execute(token, std::move(what), deadline);
    return token;
  }

  request_token transfer(pg_lease lease, pg_transfer_action action, std::string text = {},
                         time_point deadline = never) {
    auto token = ++last_token;
    pg_transfer what{lease, action, {}, {}, {}};
    if (action == pg_transfer_action::write)
      what.data = blob{text};
    else
      what.statement = statement(std::move(text));
    (*this)->transfer(token, std::move(what), deadline);
    return token;
  }

  request_token begin(pg_lease lease, bool read_only = false, time_point deadline = never) {
    auto token = ++last_token;
    pg_transaction what;
    what.lease = lease;
    what.read_only = read_only;
    (*this)->begin(token, what, deadline);
    return token;
  }

  request_token commit(pg_lease lease, time_point deadline = never) {
    auto token = ++last_token;
    (*this)->commit(token, lease, deadline);
    return token;
  }

  request_token rollback(pg_lease lease) {
    auto token = ++last_token;
    (*this)->rollback(token, lease, never);
    return token;
  }

  request_token release(pg_lease lease) {
    auto token = ++last_token;
    (*this)->release(token, lease);
    return token;
  }

  /// A lease, taken at once.
  pg_lease lease(owner_id owner = 1) {
    auto token = checkout(owner);
    run();
    if (!answered(token) || answers.at(token).code != errc::none)
      throw std::logic_error("no lease: " + describe(answers[token].reason));
    return answers.at(token).lease;
  }

  // -- time ------------------------------------------------------------------------

  /// Lets the server do what it owes and expires what is due now.
  void run() {
    while (server.step() || timers.expire(now) > 0)
      continue;
  }

  /// Moves the clock, stopping at every timer on the way.
  void advance(caf::timespan by) {
    auto end = now + by;
    run();
    for (auto next = timers.next(); next && *next <= end; next = timers.next()) {
      now = *next;
      run();
    }
    now = end;
    run();
  }

  // -- answers ---------------------------------------------------------------------

  bool answered(request_token token) const { return answers.contains(token); }

  const answer& operator[](request_token token) {
    auto i = answers.find(token);
    if (i == answers.end())
      throw std::logic_error("request " + std::to_string(token) + " is not answered");
    return i->second;
  }

  int64_t counter(std::string_view name) {
    for (auto& x : pool->stats().counters)
      if (x.name == name)
        return std::get<int64_t>(x.value);
    return 0;
  }

  /// SQLAlchemy's (size, checkedin, overflow, checkedout) of QueuePoolTest.
  struct status_tuple {
    int64_t size, checked_in, overflow, checked_out;
    friend bool operator==(const status_tuple&, const status_tuple&) = default;
  };

  status_tuple status() {
    auto x = pool->stats();
    auto overflow = static_cast<int64_t>(pool->connections()) - x.pool_size;
    return {x.pool_size, x.idle, overflow, x.pool_size - int64_t{x.idle} + overflow};
  }

  // -- what the pool calls ---------------------------------------------------------

  void on_result(request_token token, caf::expected<pg_result> result) override {
    put(token, result ? answer{} : refused(result.error()));
  }

  void on_results(request_token token, caf::expected<std::vector<pg_result>> results) override {
    put(token,
        results ? answer{errc::none, {}, {}, results->size(), false} : refused(results.error()));
  }

  void on_chunk(request_token token, caf::expected<pg_chunk> chunk) override {
    put(token, chunk ? answer{errc::none, {}, {}, 0, chunk->last} : refused(chunk.error()));
  }

  void on_lease(request_token token, caf::expected<pg_lease> result) override {
    put(token, result ? answer{errc::none, {}, *result, 0, false} : refused(result.error()));
  }

  void on_done(request_token token, caf::error reason) override {
    put(token, reason ? refused(reason) : answer{});
  }

  void on_ready() override { events.push_back("ready"); }

  void on_first_failure(const caf::error& reason) override {
    events.push_back("first failure: " + describe(reason));
  }

  void on_drained() override { events.push_back("drained"); }

  void on_notice(const pool_notice& notice) override { events.emplace_back(name_of(notice.event)); }

  void record_acquire(caf::timespan x) override { acquires.push_back(x); }
  void record_query(caf::timespan x) override { queries.push_back(x); }
  void record_hold(caf::timespan x) override { holds.push_back(x); }

  bool saw(std::string_view event) const {
    return std::find(events.begin(), events.end(), event) != events.end();
  }

  static pg_statement statement(std::string sql) {
    pg_statement result;
    result.sql = std::move(sql);
    return result;
  }

  static caf::error sql_error(std::string state, std::string what = "the server said so",
                              std::vector<field> fields = {}) {
    return fail(errc::query_failed,
                error_detail{std::move(what), std::nullopt, std::move(state), std::move(fields)});
  }

  static caf::error stale_plan() {
    return sql_error("0A000", "cached plan must not change result type",
                     {{"routine", "RevalidateCachedQuery"}});
  }

  static answer refused(const caf::error& reason) {
    return {static_cast<errc>(reason.code()), reason, {}};
  }

  time_point now{1h};
  timer_queue timers{[this] { return now; }, [](time_point) {}};
  scripted_server server;
  database_settings settings;
  std::map<request_token, answer> answers;
  std::vector<std::string> events;
  std::vector<caf::timespan> acquires, queries, holds;
  request_token last_token = 0;
  std::unique_ptr<pool_core> pool;

private:
  void put(request_token token, answer what) {
    if (!answers.emplace(token, std::move(what)).second)
      throw std::logic_error("request " + std::to_string(token) + " is answered twice");
  }
};

} // namespace dbs::postgres::test
