// A pool manager with scripted connections, alone and on virtual time.
#pragma once

#include "actor/actors/server_scene.hpp"

#include "dbs/actors/postgres_pool/postgres_pool.hpp"
#include "dbs/messages/error_detail.hpp"

#include <catch2/catch_test_macros.hpp>

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace dbs::tests {

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

struct pool_scene : server_scene {
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
    options.make_connection = connections();
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
  postgres_pool_state::actor_type pool;
};

} // namespace dbs::tests
