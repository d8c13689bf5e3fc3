#include "dbs/actors/supervisor/supervisor.hpp"

#include "actor/actors/supervisor/scripted_manager.hpp"

#include "dbs/runtime/caf/front.hpp"
#include "dbs/testing/fixture/actor_fixture.hpp"
#include "dbs/testing/fixture/silent_logger.hpp"

#include <catch2/catch_test_macros.hpp>

#include <map>

using namespace dbs;
using namespace dbs::tests;
using namespace std::chrono_literals;

namespace {

struct fixture : testing::actor_fixture {
  using journal_type = std::vector<std::string>;

  /// Adds a child to the supervisor that `start` makes.
  manager_script& child(const std::string& id, std::vector<std::string> dependencies = {}) {
    auto script = std::make_shared<manager_script>();
    script->id = id;
    script->journal = journal;
    child_spec spec;
    spec.id = id;
    spec.dependencies = std::move(dependencies);
    spec.front = front::make(sys(), id);
    spec.restart.jitter = 0;
    spec.spawn = [this, script] {
      ++script->spawned;
      script->ready.clear();
      script->last = spawn_on_loop<scripted_manager_state>(script);
      return script->last;
    };
    specs.push_back(spec);
    scripts[id] = script;
    return *script;
  }

  void start() {
    auto sorted = supervisor_state::start_order(specs);
    REQUIRE(sorted);
    supervisor = track(spawn_supervisor(loop(), *sorted, log));
    run();
  }

  child_info info(const std::string& id) {
    auto tree = ask<std::vector<child_info>>(supervisor, tree_atom_v, call_context{});
    REQUIRE(tree);
    for (auto& x : *tree)
      if (x.id == id)
        return x;
    FAIL("no child " << id);
    return {};
  }

  void kill(const std::string& id) {
    caf::anon_send_exit(scripts[id]->last, caf::exit_reason::kill);
    run();
  }

  std::shared_ptr<journal_type> journal = std::make_shared<journal_type>();
  std::shared_ptr<observe::logger> log = testing::make_silent_logger();
  std::vector<child_spec> specs;
  std::map<std::string, std::shared_ptr<manager_script>> scripts;
  supervisor_actor supervisor;
};

} // namespace

TEST_CASE_METHOD(fixture, "startup_order: children start after their dependencies") {
  child("http", {"health"});
  child("health", {"redis", "postgres_pool"});
  child("redis");
  child("postgres_pool");
  start();
  CHECK(*journal ==
        journal_type{"start redis", "start postgres_pool", "start health", "start http"});
}

TEST_CASE("start_order refuses unknown dependencies and cycles by name") {
  auto spec = [](std::string id, std::vector<std::string> dependencies) {
    child_spec result;
    result.id = std::move(id);
    result.dependencies = std::move(dependencies);
    return result;
  };
  auto unknown = supervisor_state::start_order({spec("a", {"ghost"})});
  REQUIRE(!unknown);
  CHECK(detail(unknown.error()).what == "child 'a' depends on 'ghost', which does not exist");
  auto cycle = supervisor_state::start_order({spec("a", {"b"}), spec("b", {"a"})});
  REQUIRE(!cycle);
  CHECK(detail(cycle.error()).what == "child 'a' depends on itself through others");
}

TEST_CASE_METHOD(fixture, "a child whose start fails does not hold up those that depend on it") {
  child("postgres_pool").start_failure =
      fail(errc::connection_lost, "connection refused at 127.0.0.1:5432");
  child("health", {"postgres_pool"});
  start();
  CHECK(info("postgres_pool").state == child_state::not_ready);
  CHECK(info("postgres_pool").last_error ==
        "connection_lost: connection refused at 127.0.0.1:5432");
  CHECK(info("health").state == child_state::up);
}

TEST_CASE_METHOD(fixture, "ready waits for the child that came up late") {
  child("postgres_pool").start_failure = fail(errc::connection_lost, "refused");
  start();
  auto ready = request<void>(supervisor, ready_atom_v, call_context{});
  auto impatient = request<void>(supervisor, ready_atom_v, call_context::within(now(), 5s));
  run();
  CHECK(!ready.answered());
  advance(5s);
  REQUIRE(impatient.answered());
  CHECK(impatient.get().error() == errc::not_ready);
  CHECK(detail(impatient.get().error()).what.find("refused") != std::string::npos);
  // when the probe succeeds at last
  REQUIRE(scripts["postgres_pool"]->ready.size() == 1);
  scripts["postgres_pool"]->ready.front().deliver();
  run();
  CHECK(ready.answered());
  CHECK(info("postgres_pool").state == child_state::up);
}

TEST_CASE_METHOD(fixture, "a child that dies is replaced at once, then after doubling delays") {
  child("postgres_pool");
  start();
  kill("postgres_pool");
  CHECK(info("postgres_pool").state == child_state::up);
  CHECK(info("postgres_pool").incarnation == 2);
  kill("postgres_pool");
  CHECK(info("postgres_pool").state == child_state::backoff);
  advance(99ms);
  CHECK(info("postgres_pool").incarnation == 2);
  advance(1ms);
  CHECK(info("postgres_pool").incarnation == 3);
  kill("postgres_pool");
  advance(199ms);
  CHECK(info("postgres_pool").incarnation == 3);
  advance(1ms);
  CHECK(info("postgres_pool").incarnation == 4);
  CHECK(info("postgres_pool").restarts == 3);
}

TEST_CASE_METHOD(fixture,
                 "an incarnation that was healthy for a minute starts the backoff afresh") {
  child("postgres_pool");
  start();
  kill("postgres_pool");
  kill("postgres_pool");
  advance(100ms);
  advance(60s);
  kill("postgres_pool");
  CHECK(info("postgres_pool").state == child_state::up);
}

TEST_CASE_METHOD(fixture, "a factory that throws counts as a crash and is tried again") {
  child("postgres_pool");
  auto spawn = specs.back().spawn;
  auto failures = std::make_shared<int>(2);
  specs.back().spawn = [spawn, failures] {
    if (--*failures >= 0)
      throw std::runtime_error("no loop");
    return spawn();
  };
  start();
  CHECK(info("postgres_pool").state == child_state::backoff);
  CHECK(info("postgres_pool").last_error == "restarted: no loop");
  advance(100ms);
  CHECK(info("postgres_pool").state == child_state::up);
}

TEST_CASE_METHOD(fixture, "a factory that keeps throwing does not hold up who depends on it") {
  child("postgres_pool");
  specs.back().spawn = []() -> manager_control_actor { throw std::runtime_error("no loop"); };
  child("health", {"postgres_pool"});
  start();
  CHECK(info("health").state == child_state::waiting);
  advance(2s);
  CHECK(info("health").state == child_state::up);
}

TEST_CASE_METHOD(fixture, "requests stashed during a backoff are answered by their deadline") {
  child("postgres_pool");
  start();
  auto service = caf::actor_cast<manager_control_actor>(specs.front().front);
  kill("postgres_pool");
  kill("postgres_pool");
  auto late = request<health_report>(service, health_atom_v, call_context::within(now(), 50ms));
  auto patient = request<health_report>(service, health_atom_v, call_context{});
  run();
  advance(80ms);
  REQUIRE(late.answered());
  CHECK(late.get().error() == errc::deadline_exceeded);
  CHECK(!patient.answered());
  advance(20ms);
  REQUIRE(patient.answered());
  CHECK(patient.get()->component == "postgres_pool");
}

TEST_CASE_METHOD(fixture, "shutdown drains and stops in reverse order of start") {
  child("postgres_pool");
  child("health", {"postgres_pool"});
  child("http", {"health"});
  start();
  journal->clear();
  CHECK(ask<void>(supervisor, shutdown_atom_v, call_context{}));
  CHECK(*journal == journal_type{"drain http", "drain health", "drain postgres_pool"});
  CHECK(info("postgres_pool").state == child_state::stopped);
}

TEST_CASE_METHOD(fixture, "shutdown does not wait for ever for a child that does not drain") {
  child("postgres_pool").answer_drain = false;
  start();
  auto done = request<void>(supervisor, shutdown_atom_v, call_context{});
  advance(5999ms);
  CHECK(!done.answered());
  advance(1ms);
  CHECK(done.answered());
}

TEST_CASE_METHOD(fixture, "health reports every child, also the dead and the silent") {
  child("redis").answer_health = false;
  child("postgres_pool");
  child("http");
  start();
  kill("http");
  kill("http");
  auto pending = request<std::vector<health_report>>(supervisor, health_atom_v, call_context{});
  // before the restart of http, which takes 100 ms
  run();
  advance(supervisor_state::health_timeout);
  REQUIRE(pending.answered());
  auto reports = *pending.get();
  REQUIRE(reports.size() == 3);
  CHECK(reports[0].status == health_status::unhealthy);
  CHECK(reports[0].detail.find("redis did not answer") == 0);
  CHECK(reports[1].status == health_status::healthy);
  CHECK(reports[2].detail.find("http is backoff") == 0);
}

TEST_CASE_METHOD(fixture, "stats and resize reach the named child") {
  child("postgres_pool");
  start();
  auto stats =
      ask<stats_report>(supervisor, stats_atom_v, call_context{}, std::string{"postgres_pool"});
  REQUIRE(stats);
  CHECK(stats->fields.front().name == "spawned");
  auto refused = ask<void>(supervisor, resize_atom_v, call_context{}, std::string{"postgres_pool"},
                           resize_request{"pool_size", 0});
  CHECK(refused.error() == errc::invalid_argument);
  auto unknown = ask<stats_report>(supervisor, stats_atom_v, call_context{}, std::string{"ghost"});
  CHECK(unknown.error() == errc::not_found);
}

TEST_CASE_METHOD(fixture, "a child that hangs in its start does not hold up others for ever") {
  child("postgres_pool").answer_start = false;
  child("health", {"postgres_pool"});
  start();
  CHECK(info("health").state == child_state::waiting);
  advance(specs.front().start_patience - 1ms);
  CHECK(info("health").state == child_state::waiting);
  advance(1ms);
  CHECK(info("health").state == child_state::up);
  CHECK(info("postgres_pool").state == child_state::starting);
}

TEST_CASE_METHOD(fixture, "requests to a child that waits for others are answered in time") {
  child("postgres_pool").answer_start = false;
  child("health", {"postgres_pool"});
  specs.front().start_patience = 1h;
  start();
  auto service = caf::actor_cast<manager_control_actor>(specs.back().front);
  auto hasty = request<health_report>(service, health_atom_v, call_context::within(now(), 50ms));
  auto patient = request<health_report>(service, health_atom_v, call_context{});
  run();
  advance(80ms);
  REQUIRE(hasty.answered());
  CHECK(hasty.get().error() == errc::deadline_exceeded);
  CHECK(!patient.answered());
  advance(front::stash_patience);
  REQUIRE(patient.answered());
  CHECK(patient.get().error() == errc::not_ready);
  CHECK(info("health").front.expired == 2);
}

TEST_CASE_METHOD(fixture, "a child that drains still gets what its callers send") {
  child("postgres_pool").answer_drain = false;
  start();
  auto service = caf::actor_cast<manager_control_actor>(specs.front().front);
  auto done = request<void>(supervisor, shutdown_atom_v, call_context{});
  run();
  CHECK(info("postgres_pool").state == child_state::draining);
  CHECK(ask<health_report>(service, health_atom_v, call_context{}));
  advance(6s);
  REQUIRE(done.answered());
  auto refused = ask<health_report>(service, health_atom_v, call_context{});
  CHECK(refused.error() == errc::draining);
}

TEST_CASE_METHOD(fixture, "whoever waits for ready is answered once when shutdown comes first") {
  child("redis").answer_drain = false;
  child("postgres_pool").start_failure = fail(errc::connection_lost, "refused");
  start();
  auto waiting = request<void>(supervisor, ready_atom_v, call_context::within(now(), 1s));
  auto done = request<void>(supervisor, shutdown_atom_v, call_context{});
  run();
  REQUIRE(waiting.answered());
  CHECK(waiting.get().error() == errc::draining);
  // its deadline passes while redis takes its time
  advance(7s);
  CHECK(done.answered());
}

TEST_CASE_METHOD(fixture, "no more than a bounded number of callers wait for ready") {
  child("postgres_pool").start_failure = fail(errc::connection_lost, "refused");
  start();
  for (size_t i = 0; i < supervisor_state::max_ready_waiters; ++i)
    static_cast<void>(request<void>(supervisor, ready_atom_v, call_context{}));
  auto refused = ask<void>(supervisor, ready_atom_v, call_context{});
  CHECK(refused.error() == errc::overloaded);
}

TEST_CASE_METHOD(fixture, "a size that was set survives a crash") {
  child("postgres_pool");
  start();
  auto resize = [this](int64_t size) {
    return ask<void>(supervisor, resize_atom_v, call_context{}, std::string{"postgres_pool"},
                     resize_request{"pool_size", size});
  };
  CHECK(resize(40));
  CHECK(!resize(0));
  kill("postgres_pool");
  auto& journal_now = *journal;
  CHECK(journal_now.back() == "start postgres_pool");
  CHECK(scripts["postgres_pool"]->sizes == std::vector<int64_t>{40, 40});
}

TEST_CASE_METHOD(fixture, "a supervisor that dies takes its children along") {
  child("postgres_pool");
  child("redis");
  start();
  caf::anon_send_exit(supervisor, caf::exit_reason::kill);
  supervisor = nullptr;
  run();
  for (auto& spec : specs) {
    auto service = caf::actor_cast<manager_control_actor>(spec.front);
    CHECK(ask<health_report>(service, health_atom_v, call_context{}).error() == errc::draining);
    auto& gone = scripts[spec.id]->last;
    CHECK(ask<health_report>(gone, health_atom_v, call_context{}).error() == errc::restarted);
  }
}
