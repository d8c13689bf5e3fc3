// Runs connections on the test's thread: a loop, a clock that can be put forward,
// and an owner that writes down what it is told.
#pragma once

#include "integration/error_field.hpp"

#include "dbs/config/settings.hpp"
#include "dbs/messages/error_detail.hpp"
#include "dbs/runtime/postgres/libpq_connection.hpp"
#include "dbs/testing/servers/private_postgres.hpp"

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace dbs::testing {

using namespace std::chrono_literals;
using tests::field_of;

/// The environment of connections. Checks that they keep the rules of their
/// interface: the owner is entered for every call to the observer, and no call
/// comes from inside a call to the connection.
class connection_loop : public postgres::connection_environment {
public:
  connection_loop() { io_.watch_sockets(); }

  loop_context& io() override { return io_; }
  timer_queue& timers() override { return timers_; }
  resolver& names() override { return *names_; }
  blocking_pool& cancels() override { return *cancels_; }

  void use_resolver(std::unique_ptr<resolver> what) { names_ = std::move(what); }

  /// Puts the clock forward and runs what is due.
  void advance(caf::timespan span) {
    ahead_ += span;
    expire();
  }

  /// Runs the loop until `done()` holds. Fails the test if it does not in time.
  template <class Predicate>
  void run_until(Predicate done, std::chrono::milliseconds within = 30s) {
    auto end = std::chrono::steady_clock::now() + within;
    while (!done()) {
      if (std::chrono::steady_clock::now() > end)
        FAIL("the loop ran for " << within.count() << " ms and the condition still does not hold");
      turn(5ms);
    }
  }

  /// Runs all that is ready, for cases in which nothing must happen.
  void settle() {
    for (int i = 0; i < 5; ++i)
      turn(2ms);
  }

  /// Calls a function of a connection; the observer must not hear from it before
  /// that returns.
  template <class F>
  void call(F&& fn) {
    calling_ = true;
    fn();
    calling_ = false;
  }

  void check_context() const {
    CHECK(entered_);
    CHECK_FALSE(calling_);
  }

  /// As a host does that goes down.
  void destroy_threads() {
    cancels_.reset();
    names_.reset();
    lookups_.reset();
  }

private:
  void do_enter(void (*body)(void*), void* context) override {
    auto before = std::exchange(entered_, true);
    body(context);
    entered_ = before;
  }

  void turn(std::chrono::milliseconds patience) {
    io_.restart();
    io_.run_one_for(patience);
    expire();
  }

  void expire() {
    auto before = std::exchange(entered_, true);
    timers_.expire(timers_.now());
    entered_ = before;
  }

  loop_context io_;
  caf::timespan ahead_{0};
  timer_queue timers_{[this] { return caf::actor_clock::clock_type::now() + ahead_; },
                      [](timer_queue::time_point) {}};
  std::unique_ptr<blocking_pool> lookups_ = std::make_unique<blocking_pool>(1, 16);
  std::unique_ptr<blocking_pool> cancels_ = std::make_unique<blocking_pool>(2, 16);
  std::unique_ptr<resolver> names_ = make_system_resolver(io_, *lookups_);
  bool entered_ = false;
  bool calling_ = false;
};

/// A connection and what its owner was told.
class observed_connection : public postgres::connection_observer {
public:
  observed_connection(connection_loop& loop, const database_settings& settings)
      : loop_(loop), conn_(postgres::make_libpq_connection(loop, settings, *this)) {}

  postgres::connection& operator*() { return *conn_; }
  postgres::connection* operator->() { return conn_.get(); }

  void start() {
    loop_.call([this] { conn_->connect(); });
  }

  /// Connects and fails the test with the reason if that does not work.
  void open() {
    start();
    loop_.run_until([this] { return connected > 0 || connect_error; });
    INFO(describe(connect_error));
    REQUIRE(connected == 1);
  }

  /// Connects and returns why that failed.
  caf::error open_error() {
    start();
    loop_.run_until([this] { return connected > 0 || connect_error; });
    REQUIRE(connected == 0);
    return connect_error;
  }

  void send(pg_statement statement) {
    loop_.call([&] { conn_->execute(statement); });
  }

  void send_batch(const std::vector<pg_statement>& statements) {
    parts.clear();
    loop_.call([&] { conn_->execute_batch(statements); });
  }

  /// The error of a batch, empty if there is none.
  caf::error run_batch(const std::vector<pg_statement>& statements) {
    send_batch(statements);
    auto result = next_result();
    return result ? caf::error{} : result.error();
  }

  /// The answer to a step of a transfer.
  caf::expected<pg_chunk> next_chunk() {
    loop_.run_until([this] { return !chunks.empty() || !results.empty(); });
    if (chunks.empty()) {
      auto result = next_result();
      return result ? fail(errc::none, "the transfer ended without a chunk") : result.error();
    }
    REQUIRE(chunks.size() == 1);
    auto result = std::move(chunks.back());
    chunks.clear();
    return result;
  }

  caf::expected<pg_chunk> start(pg_transfer_action kind, std::string sql, pg_chunk_size size = {}) {
    loop_.call([&] { conn_->start_transfer(kind, {std::move(sql), {}}, size); });
    return next_chunk();
  }

  caf::expected<pg_chunk> more() {
    loop_.call([&] { conn_->next_chunk(); });
    return next_chunk();
  }

  caf::expected<pg_chunk> write(std::string_view data) {
    loop_.call([&] { conn_->write_copy(data); });
    return next_chunk();
  }

  caf::expected<pg_chunk> finish() {
    loop_.call([&] { conn_->finish_copy(); });
    return next_chunk();
  }

  /// Ends a transfer in the middle, as the pool does.
  void discard() {
    auto before = settled;
    loop_.call([&] {
      conn_->discard();
      conn_->cancel();
    });
    loop_.run_until([&] { return settled > before && !results.empty(); });
    results.clear();
  }

  template <class... Ts>
  caf::expected<pg_result> run(std::string sql, const Ts&... xs) {
    send({std::move(sql), make_params(xs...)});
    return next_result();
  }

  caf::expected<pg_result> run_unprepared(std::string sql) {
    send({std::move(sql), {}, false});
    return next_result();
  }

  caf::expected<pg_result> command(std::string_view sql) {
    loop_.call([&] { conn_->command(sql); });
    return next_result();
  }

  /// Waits for the one answer that is due.
  caf::expected<pg_result> next_result() {
    loop_.run_until([this] { return !results.empty(); });
    REQUIRE(results.size() == 1);
    auto result = std::move(results.back());
    results.clear();
    return result;
  }

  /// The first cell of a statement that must succeed.
  template <class... Ts>
  std::string value(std::string sql, const Ts&... xs) {
    auto result = run(std::move(sql), xs...);
    INFO(describe(result ? caf::error{} : result.error()));
    REQUIRE(result);
    REQUIRE(result->rows() > 0);
    return std::string{result->row(0).text(0)};
  }

  /// The error of a statement that must fail.
  template <class... Ts>
  caf::error error(std::string sql, const Ts&... xs) {
    auto result = run(std::move(sql), xs...);
    REQUIRE_FALSE(result);
    return result.error();
  }

  void destroy() { conn_.reset(); }

  // -- what it was told --------------------------------------------------------------

  int connected = 0;
  caf::error connect_error;
  std::vector<caf::expected<pg_result>> results;
  /// Of the batch.
  std::vector<pg_result> parts;
  /// Of the transfer.
  std::vector<pg_chunk> chunks;
  int settled = 0;
  std::vector<caf::error> losses;
  /// "channel payload pid".
  std::vector<std::string> notifications;
  /// Runs in `on_result`, after it was written down.
  std::function<void()> then;
  /// Runs in `on_notification`.
  std::function<void()> on_note;
  /// Counts all calls.
  int calls = 0;

  void on_connected(postgres::connection&) override {
    check();
    ++connected;
  }

  void on_connect_failed(postgres::connection&, caf::error reason) override {
    check();
    connect_error = std::move(reason);
  }

  void on_result(postgres::connection&, caf::expected<pg_result> result) override {
    check();
    CHECK(losses.empty());
    results.push_back(std::move(result));
    if (then)
      std::exchange(then, nullptr)();
  }

  void on_part(postgres::connection&, pg_result part) override {
    check();
    CHECK(results.empty());
    parts.push_back(std::move(part));
  }

  void on_chunk(postgres::connection&, pg_chunk chunk) override {
    check();
    CHECK(results.empty());
    chunks.push_back(std::move(chunk));
  }

  void on_cancel_settled(postgres::connection&) override {
    check();
    ++settled;
  }

  void on_notification(postgres::connection&, std::string_view channel, std::string_view payload,
                       int backend_pid) override {
    check();
    notifications.push_back(std::string{channel} + " " + std::string{payload} + " " +
                            std::to_string(backend_pid));
    if (on_note)
      on_note();
  }

  void on_lost(postgres::connection&, caf::error reason) override {
    check();
    losses.push_back(std::move(reason));
  }

private:
  void check() {
    ++calls;
    loop_.check_context();
    CHECK(conn_ != nullptr);
  }

  connection_loop& loop_;
  postgres::connection_ptr conn_;
};

/// Settings for a private server's TCP port.
inline database_settings settings_for(const private_postgres& server) {
  database_settings result;
  result.target.hosts = {{server.host(), server.port()}};
  result.target.user = server.options().superuser;
  result.target.password = secret{server.options().password};
  result.target.dbname = server.options().database;
  return result;
}

/// A server, a loop and an open connection.
struct connection_scene {
  private_postgres server;
  connection_loop loop;
  observed_connection conn;

  explicit connection_scene(uint32_t statement_cache = 200)
      : conn(loop, settings(statement_cache)) {
    conn.open();
  }

  /// How many statements the session has prepared, without preparing this one.
  std::string prepared() {
    auto result = conn.run_unprepared("select count(*) from pg_prepared_statements");
    REQUIRE(result);
    return std::string{result->row(0).text(0)};
  }

  /// Runs the loop until a session sleeps in pg_sleep.
  void until_asleep() {
    loop.run_until([this] {
      return server.psql("select count(*) from pg_stat_activity where wait_event = 'PgSleep'") ==
             "1";
    });
  }

  /// Ends the session by an administrator.
  std::string terminate() {
    return server.psql("select pg_terminate_backend(" + std::to_string(conn->backend_pid()) + ")");
  }

private:
  database_settings settings(uint32_t statement_cache) const {
    auto result = settings_for(server);
    result.statement_cache = statement_cache;
    return result;
  }
};

} // namespace dbs::testing
