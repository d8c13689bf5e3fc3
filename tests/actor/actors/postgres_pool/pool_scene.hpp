// A pool manager with scripted connections, alone and on virtual time.
#pragma once

#include "unit/runtime/postgres/pool_scripted_connection.hpp"

#include "dbs/actors/postgres_pool/postgres_pool.hpp"
#include "dbs/messages/error_detail.hpp"
#include "dbs/testing/fixture/actor_fixture.hpp"

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace dbs::tests {

using namespace std::chrono_literals;
using postgres::test::scripted_connection;
using postgres::test::scripted_server;

/// An actor that asks what the test tells it to, and lives until the test kills it:
/// the owner of leases.
class scripted_owner {
public:
  scripted_owner(testing::actor_fixture& fix, postgres_pool_actor pool)
      : pool_(std::move(pool)), asker_(std::make_shared<testing::answer_counter>(fix.sys())) {}

  template <class T, class... Ts>
  testing::pending_answer<T> request(const Ts&... xs) {
    return asker_->request<T>(pool_, xs...);
  }

  testing::pending_answer<pg_lease> checkout(call_context context = {}, bool nested = false) {
    return request<pg_lease>(checkout_atom_v, context, pg_checkout{nested});
  }

  testing::pending_answer<pg_result> execute(const std::string& sql, call_context context = {}) {
    return request<pg_result>(execute_atom_v, context, pg_statement{sql, {}, true});
  }

  testing::pending_answer<pg_result> execute(pg_lease lease, const std::string& sql) {
    return request<pg_result>(execute_atom_v, call_context{},
                              pg_lease_statement{lease, {sql, {}, true}});
  }

  testing::pending_answer<void> begin(pg_lease lease) {
    return request<void>(begin_atom_v, call_context{}, pg_transaction{lease});
  }

  testing::pending_answer<void> commit(pg_lease lease) {
    return request<void>(commit_atom_v, call_context{}, lease);
  }

  testing::pending_answer<void> release(pg_lease lease) {
    return request<void>(release_atom_v, call_context{}, lease);
  }

  void die() { asker_.reset(); }

private:
  postgres_pool_actor pool_;
  std::shared_ptr<testing::answer_counter> asker_;
};

/// The lines of a log.
class log_lines {
public:
  std::shared_ptr<observe::logger> make() {
    log_settings settings;
    settings.level = "debug";
    observe::logger_options options;
    options.sink = [lines = lines_](std::string_view line) { lines->emplace_back(line); };
    auto result = observe::logger::make(settings, options);
    REQUIRE(result);
    log_ = std::move(*result);
    return log_;
  }

  /// The first line that contains the text; empty if there is none.
  std::string with(std::string_view text) const {
    REQUIRE(log_->wait_written());
    for (auto& line : *lines_)
      if (line.find(text) != std::string::npos)
        return line;
    return {};
  }

private:
  std::shared_ptr<observe::logger> log_;
  std::shared_ptr<std::vector<std::string>> lines_ = std::make_shared<std::vector<std::string>>();
};

struct pool_scene : testing::actor_fixture {
  pool_scene() {
    settings.pool_size = 1;
    settings.min_idle = 0;
    settings.lifetime_jitter = 0;
  }

  /// Spawns the manager; it has been asked for nothing yet.
  void spawn() {
    postgres_pool_options options;
    options.settings = settings;
    options.metrics = metrics;
    options.log = log.make();
    options.make_connection = [server = server, environment = environment_](auto& env, auto& obs) {
      *environment = &env;
      return server->make(obs);
    };
    pool = track(spawn_postgres_pool(loop(), std::move(options)));
  }

  /// The manager with its first connection.
  void start() {
    spawn();
    auto started = request<void>(pool, start_atom_v, call_context{});
    serve();
    REQUIRE(started.answered());
    REQUIRE(started.get());
  }

  scripted_owner owner() { return {*this, pool}; }

  /// A lease of this owner, granted at once.
  pg_lease lease_of(scripted_owner& who) {
    auto lease = who.checkout();
    serve();
    REQUIRE(lease.answered());
    REQUIRE(lease.get());
    return *lease.get();
  }

  // -- the server ------------------------------------------------------------------

  /// Lets actors run and the server do what it owes, but for the clock.
  void serve() {
    do {
      advance(0s);
    } while (with_server([this] { return server->step(); }));
    advance(0s);
  }

  /// Moves the clock in small steps; the server keeps up.
  void pass(caf::timespan time) {
    constexpr caf::timespan step = 50ms;
    serve();
    for (; time > 0s; time -= step) {
      advance(std::min(time, step));
      serve();
    }
  }

  /// The scripted connections call the manager: as their real siblings do, they enter
  /// it for that.
  template <class F>
  auto with_server(F what) -> decltype(what()) {
    if constexpr (std::is_void_v<decltype(what())>) {
      (*environment_)->enter(what);
      advance(0s);
    } else {
      decltype(what()) result{};
      if (!server->connections.empty())
        (*environment_)->enter([&] { result = what(); });
      return result;
    }
  }

  scripted_connection& connection() { return *server->connections.at(0); }

  // -- the manager -----------------------------------------------------------------

  health_report health() { return *ask<health_report>(pool, health_atom_v, call_context{}); }

  pool_stats stats() { return *ask<pool_stats>(pool, report_atom_v, call_context{}); }

  int64_t counter(std::string_view name) {
    for (auto& x : stats().counters)
      if (x.name == name)
        return std::get<int64_t>(x.value);
    return 0;
  }

  database_settings settings;
  std::shared_ptr<observe::registry> metrics = std::make_shared<observe::registry>();
  log_lines log;
  // Shared with the manager, which dies after this.
  std::shared_ptr<scripted_server> server = std::make_shared<scripted_server>();
  postgres_pool_state::actor_type pool;

private:
  std::shared_ptr<postgres::connection_environment*> environment_ =
      std::make_shared<postgres::connection_environment*>(nullptr);
};

/// True if the request was answered with that error.
template <class T>
bool failed(const testing::pending_answer<T>& answer, errc code) {
  return answer.answered() && !answer.get() && answer.get().error() == code;
}

template <class T>
bool succeeded(const testing::pending_answer<T>& answer) {
  return answer.answered() && answer.get();
}

} // namespace dbs::tests
