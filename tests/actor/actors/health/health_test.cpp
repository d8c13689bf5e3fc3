#include "dbs/actors/health/health.hpp"

#include "actor/actors/scripted_supervisor.hpp"

#include "dbs/actors/client/health_client.hpp"
#include "dbs/messages/error_detail.hpp"
#include "dbs/testing/fixture/actor_fixture.hpp"

#include <caf/event_based_actor.hpp>

#include <catch2/catch_test_macros.hpp>

using namespace dbs;
using namespace dbs::tests;
using namespace std::chrono_literals;

namespace {

constexpr auto healthy = health_status::healthy;
constexpr auto degraded = health_status::degraded;
constexpr auto unhealthy = health_status::unhealthy;

/// The pool is critical, Redis is not; both are well to begin with.
struct fixture : testing::actor_fixture {
  fixture() {
    script->say("postgres_pool", healthy);
    script->say("redis", healthy);
    options.critical = {"postgres_pool"};
  }

  void spawn() {
    health = track(spawn_health(loop(), supervisor, options));
    run();
  }

  services_health report() {
    auto result = ask<services_health>(health, report_atom_v, call_context{});
    REQUIRE(result);
    return *result;
  }

  testing::pending_answer<services_health> refresh(call_context context = {}) {
    auto result = request<services_health>(health, refresh_atom_v, context);
    run();
    return result;
  }

  /// The result of a round that begins now.
  services_health fresh() {
    auto result = refresh();
    REQUIRE(result.get());
    return *result.get();
  }

  std::shared_ptr<supervisor_script> script = std::make_shared<supervisor_script>();
  supervisor_actor supervisor = spawn_on_loop<scripted_supervisor_state>(script);
  health_options options;
  health_state::actor_type health;
};

} // namespace

TEST_CASE_METHOD(fixture, "spawn_each_manager_alone: health") {
  spawn();
  CHECK(ask<void>(health, start_atom_v, call_context{}));
  CHECK(report().overall == healthy);
  CHECK(ask<health_report>(health, health_atom_v, call_context{})->status == healthy);
  auto refused = ask<void>(health, resize_atom_v, call_context{}, resize_request{"size", 1});
  CHECK(refused.error() == errc::invalid_argument);
}

TEST_CASE_METHOD(fixture, "start waits for the first round") {
  script->hold_health = true;
  spawn();
  auto started = request<void>(health, start_atom_v, call_context{});
  auto ready = request<void>(health, ready_atom_v, call_context{});
  run();
  CHECK(!started.answered());
  CHECK(report().overall == unhealthy);
  script->answer_health();
  run();
  CHECK(started.get());
  CHECK(ready.get());
}

TEST_CASE_METHOD(fixture, "overall is what the worst component makes it") {
  spawn();
  CHECK(fresh().overall == healthy);
  script->say("redis", unhealthy, "connection refused");
  CHECK(fresh().overall == degraded);
  script->say("postgres_pool", degraded);
  CHECK(fresh().overall == degraded);
  script->say("postgres_pool", unhealthy);
  CHECK(fresh().overall == unhealthy);
  CHECK(fresh().components[1].detail == "connection refused");
}

TEST_CASE_METHOD(fixture, "a pool is degraded when a named one is not well, and says which") {
  script->say("postgres_pool.reports", unhealthy, "connection refused");
  script->say("postgres_pool.archive", degraded);
  script->say("postgres_pooler", unhealthy);
  spawn();
  CHECK(report().overall == degraded);
  CHECK(report().components[0].status == degraded);
  CHECK(report().components[0].detail ==
        "postgres_pool.reports is unhealthy, postgres_pool.archive is degraded");
  // what it says of itself is worse
  script->say("postgres_pool", unhealthy, "down");
  CHECK(fresh().components[0].detail == "down");
  CHECK(fresh().overall == unhealthy);
  // a named one may be critical, too
  script->say("postgres_pool", healthy);
  options.critical.insert("postgres_pool.reports");
  spawn();
  CHECK(report().overall == unhealthy);
  CHECK(report().components[0].status == degraded);
}

TEST_CASE_METHOD(fixture, "reports come from the last round and say how old it is") {
  spawn();
  CHECK(script->health_rounds == 1);
  advance(300ms);
  CHECK(report().age == 300ms);
  CHECK(script->health_rounds == 1);
  advance(options.settings.interval - 300ms);
  CHECK(script->health_rounds == 2);
  CHECK(report().age == 0ms);
}

// -- readiness ---------------------------------------------------------------------

TEST_CASE_METHOD(fixture, "ready needs every manager once, and the critical ones for ever") {
  script->say("redis", unhealthy);
  spawn();
  CHECK(!report().ready);
  // Redis comes, and with it the last manager is ready
  script->say("redis", healthy);
  script->become_ready();
  run();
  CHECK(report().ready);
  // it goes again: it has a fallback
  script->say("redis", unhealthy);
  CHECK(fresh().ready);
  // PostgreSQL has none
  script->say("postgres_pool", unhealthy);
  CHECK(!fresh().ready);
  script->say("postgres_pool", healthy);
  CHECK(fresh().ready);
}

TEST_CASE_METHOD(fixture, "a restarted health manager comes to the same answer") {
  spawn();
  script->become_ready();
  run();
  CHECK(report().ready);
  // Redis is away, its manager has been restarted: not everybody is ready now
  script->is_ready = false;
  script->say("redis", unhealthy);
  caf::anon_send_exit(health, caf::exit_reason::kill);
  spawn();
  CHECK(report().ready);
  CHECK(report().overall == degraded);
}

// -- refreshing --------------------------------------------------------------------

TEST_CASE_METHOD(fixture, "refresh is answered by a round that began after the request") {
  spawn();
  script->hold_health = true;
  auto first = refresh();
  auto during = refresh();
  script->say("redis", unhealthy);
  script->answer_health();
  run();
  CHECK(first.answered());
  CHECK(!during.answered());
  script->answer_health();
  run();
  CHECK(during.get()->overall == degraded);
}

TEST_CASE_METHOD(fixture, "whoever asks during every round starves nobody") {
  spawn();
  script->hold_health = true;
  std::vector<testing::pending_answer<services_health>> asked;
  for (int i = 0; i < 10; ++i) {
    asked.push_back(refresh());
    if (i > 0) {
      script->answer_health();
      run();
      CHECK(asked[asked.size() - 2].answered());
      CHECK(!asked.back().answered());
    }
  }
}

TEST_CASE_METHOD(fixture, "who waits for a round is answered at the deadline") {
  spawn();
  script->hold_health = true;
  auto impatient = refresh(call_context::within(now(), 100ms));
  auto patient = refresh();
  advance(99ms);
  CHECK(!impatient.answered());
  advance(1ms);
  CHECK(impatient.get().error() == errc::deadline_exceeded);
  script->answer_health();
  run();
  script->answer_health();
  run();
  CHECK(patient.get());
}

TEST_CASE_METHOD(fixture, "only so many may wait for a round") {
  spawn();
  script->hold_health = true;
  for (size_t i = 0; i < health_state::max_waiting; ++i)
    request<services_health>(health, refresh_atom_v, call_context{});
  run();
  CHECK(refresh().get().error() == errc::overloaded);
}

// -- the client --------------------------------------------------------------------

TEST_CASE_METHOD(fixture, "an actor checks the health through the client") {
  spawn();
  auto seen = std::make_shared<services_health>();
  track(sys().spawn([this, seen](caf::event_based_actor* self) {
    health_client{health}.check_health(self).then(
        [seen](const services_health& x) { *seen = x; },
        [](const caf::error& reason) { FAIL(dbs::describe(reason)); });
  }));
  run();
  CHECK(seen->overall == healthy);
  CHECK(seen->components.size() == 2);
}
