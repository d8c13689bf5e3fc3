// Connections through their lives: opened, aged, replaced, drained.
#include "pool_fixture.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace dbs;
using namespace dbs::postgres;
using namespace dbs::postgres::test;

// -- opening --------------------------------------------------------------------------

TEST_CASE("the pool is ready when the first connection is there") {
  pool_fixture f;
  f->start();
  CHECK(f.server.connecting() == 1);
  CHECK_FALSE(f.saw("ready"));
  f.run();
  CHECK(f.saw("ready"));
  CHECK(f->connected());
  CHECK(f->stats().idle == 1);
}

TEST_CASE("the first failure is reported once, and the pool keeps trying") {
  pool_fixture f;
  f.server.refusal = fail(errc::connection_lost, "connection refused");
  f->start();
  f.advance(10s);
  CHECK(std::count(f.events.begin(), f.events.end(),
                   "first failure: connection_lost: connection refused") == 1);
  CHECK(f->last_connect_error() == "connection_lost: connection refused");
  f.server.refusal.reset();
  f.advance(1s);
  CHECK(f.saw("ready"));
  CHECK(f->last_connect_error().empty());
}

TEST_CASE("idle connections are opened in advance, two at a time") {
  pool_fixture f{5, 0};
  f.settings.min_idle = 3;
  f.server.accepts = false;
  f->start();
  CHECK(f.server.connecting() == 2);
  f.server.accepts = true;
  f.run();
  CHECK(f->stats().idle == 3);
  // One is taken: another one is opened in its place, within the pool's size.
  f.lease(1);
  f.run();
  CHECK(f->stats().idle == 3);
  f.lease(2);
  f.lease(3);
  f.run();
  CHECK(f.server.connections.size() == 5);
  CHECK(f->stats().overflow == 0);
}

TEST_CASE("failed connects are repeated ever more slowly, up to a second") {
  pool_fixture f{1, 0};
  f.server.refusal = fail(errc::connection_lost, "connection refused");
  f->start();
  std::vector<pool_fixture::time_point> attempts;
  for (int last = 0; attempts.size() < 9;) {
    f.run();
    if (f.server.opened != last) {
      last = f.server.opened;
      attempts.push_back(f.now);
    }
    f.now += 1ms;
  }
  auto expected = 50ms;
  for (size_t i = 1; i < attempts.size(); ++i) {
    auto delay = attempts[i] - attempts[i - 1];
    CHECK(delay >= expected * 9 / 10);
    CHECK(delay <= expected + 1ms);
    expected = std::min(expected * 2, 1000ms);
  }
}

TEST_CASE("after a failure there is one probe at a time until a connect succeeds") {
  pool_fixture f{4, 0};
  f.server.refusal = fail(errc::connection_lost, "connection refused");
  for (owner_id owner = 1; owner <= 4; ++owner)
    f.checkout(owner);
  CHECK(f.server.connecting() == 2);
  f.run();
  f.server.refusal.reset();
  f.server.accepts = false;
  f.advance(1s);
  CHECK(f.server.connecting() == 1);
  f.server.accepts = true;
  f.run();
  CHECK(f->stats().leases == 4);
}

TEST_CASE("a pool that lost everything comes back by itself") {
  pool_fixture f{2, 0};
  f.settings.min_idle = 2;
  f->start();
  f.run();
  REQUIRE(f->stats().idle == 2);
  f.server.refusal = fail(errc::connection_lost, "connection refused");
  while (!f.server.connections.empty() && f.server.connections[0]->open) {
    f.server.connections[0]->kill();
    f.timers.expire(f.now);
  }
  f.advance(60s);
  CHECK_FALSE(f->connected());
  auto waiting = f.execute("SELECT 1");
  f.server.refusal.reset();
  f.advance(1s);
  CHECK(f[waiting].code == errc::none);
  CHECK(f->stats().idle == 2);
  CHECK(f.counter("lost") == 2);
}

TEST_CASE("the long wait between connects is shortened when the last connection is lost") {
  pool_fixture f{2, 0};
  f.settings.acquire_timeout = 10min;
  f.lease(1);
  f.server.refusal = fail(errc::connection_lost, "too many connections");
  auto waiting = f.checkout(2);
  f.advance(2min);
  f.server.refusal.reset();
  f.server.with_pid(1).kill();
  f.advance(1s);
  CHECK(f[waiting].code == errc::none);
}

// -- ageing ---------------------------------------------------------------------------

TEST_CASE("idle connections above the minimum are closed after the idle timeout") {
  pool_fixture f{3, 0};
  f.settings.min_idle = 1;
  f.settings.idle_timeout = 1min;
  f.settings.max_lifetime = 1h;
  std::vector<pg_lease> all;
  for (owner_id owner = 1; owner <= 3; ++owner)
    all.push_back(f.lease(owner));
  for (auto x : all) {
    f.release(x);
    f.advance(10s);
  }
  f.advance(30s);
  CHECK(f->stats().idle == 2);
  f.advance(10s);
  CHECK(f->stats().idle == 1);
  f.advance(10min);
  CHECK(f->stats().idle == 1);
  CHECK(f.server.connections[0]->backend_pid() == 3);
  CHECK(f.counter("closed_idle") == 2);
}

TEST_CASE("a connection that is used now and then is not idle") {
  pool_fixture f{1, 0};
  f.settings.idle_timeout = 1min;
  for (int i = 0; i < 5; ++i) {
    f.execute("SELECT 1");
    f.advance(50s);
  }
  CHECK(f.server.opened == 1);
  f.advance(10s);
  CHECK(f.server.connections.empty());
}

TEST_CASE("a connection is replaced at the end of its life, but not under its user") {
  pool_fixture f{2, 0};
  f.settings.min_idle = 1;
  f.settings.max_lifetime = 30min;
  f.settings.idle_timeout = 0s;
  f->start();
  f.run();
  auto lease = f.lease(1);
  f.advance(31min);
  auto alive = f.on_lease_execute(lease, "SELECT 1");
  f.run();
  CHECK(f[alive].code == errc::none);
  CHECK(f.server.with_pid(1).open);
  f.release(lease);
  f.run();
  CHECK(f.counter("closed_lifetime") == 2);
  CHECK(f->stats().idle == 1);
}

TEST_CASE("lives are shortened at random so that they do not end together") {
  pool_fixture f{20, 0};
  f.settings.lifetime_jitter = 0.1;
  f.settings.idle_timeout = 0s;
  std::vector<pg_lease> all;
  for (owner_id owner = 1; owner <= 20; ++owner)
    all.push_back(f.lease(owner));
  for (auto x : all)
    f.release(x);
  f.advance(27min - 1s);
  CHECK(f.server.connections.size() == 20);
  f.advance(90s + 1s);
  CHECK(f.server.connections.size() > 2);
  CHECK(f.server.connections.size() < 18);
  f.advance(90s);
  CHECK(f.server.connections.empty());
}

// -- a server that changed its role ---------------------------------------------------

TEST_CASE("a server that refuses to write makes the pool replace all connections") {
  pool_fixture f{3, 0};
  auto c1 = f.lease(1);
  auto c2 = f.lease(2);
  auto c3 = f.lease(3);
  f.release(c3);
  f.run();
  f.server.answers = false;
  auto write = f.on_lease_execute(c1, "INSERT 1");
  f.server.running("INSERT 1").fail_with(pool_fixture::sql_error("25006"));
  f.run();
  CHECK(f[write].sqlstate() == "25006");
  CHECK(f.server.connections.size() == 2);
  f.release(c1);
  f.release(c2);
  f.run();
  CHECK(f.server.connections.empty());
  CHECK(f.counter("role_change") == 1);
  // A server that is simply read-only does not make the pool reconnect all the time.
  auto again = f.execute("INSERT 2");
  f.run();
  f.server.running("INSERT 2").fail_with(pool_fixture::sql_error("25006"));
  f.run();
  CHECK(f[again].sqlstate() == "25006");
  CHECK(f.server.connections.size() == 1);
  f.advance(5s);
  f.execute("INSERT 3");
  f.run();
  f.server.running("INSERT 3").fail_with(pool_fixture::sql_error("25006"));
  f.run();
  CHECK(f.server.connections.empty());
}

TEST_CASE("a write in a transaction that was begun as read-only is the caller's own mistake") {
  pool_fixture f{2, 0};
  auto c1 = f.lease(1);
  auto c2 = f.lease(2);
  f.release(c2);
  f.begin(c1, true);
  f.run();
  f.server.answers = false;
  f.on_lease_execute(c1, "INSERT 1");
  f.server.running("INSERT 1").fail_with(pool_fixture::sql_error("25006"));
  f.server.answers = true;
  f.release(c1);
  f.run();
  CHECK(f->stats().idle == 2);
  CHECK(f.counter("role_change") == 0);
}

TEST_CASE("a server that is about to close the connection does not get another statement") {
  pool_fixture f{1, 0};
  f.server.answers = false;
  auto killed = f.execute("SELECT 1");
  auto next = f.execute("SELECT 2");
  f.run();
  f.server.running("SELECT 1").fail_with(fail(errc::in_doubt, "terminated by an administrator"));
  f.server.answers = true;
  f.run();
  CHECK(f[killed].code == errc::in_doubt);
  CHECK(f[next].code == errc::none);
  CHECK(f.server.opened == 2);
}

// -- draining -------------------------------------------------------------------------

TEST_CASE("draining refuses new work, lets running work end, and closes everything") {
  pool_fixture f{2, 0};
  auto lease = f.lease(1);
  f.begin(lease);
  f.run();
  f.server.answers = false;
  auto running = f.execute("SELECT 1", 2);
  f.run();
  auto waiting = f.checkout(3);
  f->drain(f.now + 10s);
  CHECK(f[waiting].code == errc::draining);
  CHECK(f[f.execute("SELECT 2")].code == errc::draining);
  f.server.running("SELECT 1").succeed();
  f.run();
  CHECK(f[running].code == errc::none);
  CHECK(f.server.connections.size() == 1);
  f.server.answers = true;
  auto insert = f.on_lease_execute(lease, "INSERT 1");
  auto commit = f.commit(lease);
  f.run();
  CHECK(f[insert].code == errc::none);
  CHECK(f[commit].code == errc::none);
  CHECK_FALSE(f.saw("drained"));
  f.release(lease);
  f.run();
  CHECK(f.saw("drained"));
  CHECK(f.server.connections.empty());
  CHECK(f.timers.size() == 0);
}

TEST_CASE("after the drain's deadline what runs is cancelled and rolled back") {
  pool_fixture f{3, 0};
  auto idle = f.lease(1);
  auto committing = f.lease(2);
  f.begin(idle);
  f.begin(committing);
  f.run();
  f.server.answers = false;
  f.server.settles_cancels = false;
  auto slow = f.execute("SELECT pg_sleep(60)", 3);
  f.run();
  auto commit = f.commit(committing);
  f->drain(f.now + 10s);
  f.advance(10s);
  CHECK(f[slow].code == errc::draining);
  CHECK(f[commit].code == errc::in_doubt);
  CHECK(f.server.running("ROLLBACK").backend_pid() == 1);
  CHECK(f[f.on_lease_execute(idle, "SELECT 1")].code == errc::draining);
  CHECK(f[f.release(idle)].code == errc::none);
  f.advance(2s);
  CHECK(f.saw("drained"));
  CHECK(f.server.connections.empty());
}

TEST_CASE("an empty pool is drained at once, but not within the call") {
  pool_fixture f;
  f.make_pool();
  f->drain(f.now);
  CHECK_FALSE(f.saw("drained"));
  f.run();
  CHECK(f.saw("drained"));
  f.events.clear();
  f->drain(f.now + 1s);
  f.run();
  CHECK(f.saw("drained"));
}

TEST_CASE("a second drain can bring the deadline forward") {
  pool_fixture f;
  f.lease(1);
  f->drain(pool_fixture::never);
  f.run();
  CHECK_FALSE(f.saw("drained"));
  f->drain(f.now);
  f.run();
  CHECK(f.saw("drained"));
}

TEST_CASE("draining gives up connects in flight") {
  pool_fixture f;
  f.server.accepts = false;
  f->start();
  REQUIRE(f.server.connecting() == 1);
  f->drain(pool_fixture::never);
  f.run();
  CHECK(f.server.connections.empty());
  CHECK(f.saw("drained"));
}

// -- reports --------------------------------------------------------------------------

TEST_CASE("the statistics add up and durations are told to the listener") {
  pool_fixture f{2, 2};
  f.lease(1);
  f.server.answers = false;
  f.execute("SELECT 1", 2);
  f.run();
  f.server.accepts = false;
  f.checkout(3);
  auto x = f->stats();
  CHECK(x.active_connections == 2);
  CHECK(x.connecting == 1);
  CHECK(x.overflow == 1);
  CHECK(x.utilization == 0.5);
  CHECK(x.waiting == 1);
  CHECK(x.max_waiting == 40);
  CHECK(x.leases == 1);
  f.advance(3s);
  f.server.running("SELECT 1").succeed();
  CHECK(f.queries == std::vector<caf::timespan>{3s});
  CHECK(f.acquires == std::vector<caf::timespan>{0s, 0s, 3s});
}

TEST_CASE("a pool that is destroyed leaves no timer behind") {
  pool_fixture f{2, 0};
  f.settings.min_idle = 1;
  f->start();
  auto lease = f.lease(1);
  f.server.answers = false;
  f.on_lease_execute(lease, "SELECT 1", f.now + 1s);
  f.on_lease_execute(lease, "SELECT 2", f.now + 1s);
  f.execute("SELECT 3", 2, f.now + 1s);
  f.execute("SELECT 4", 3, f.now + 1s);
  f.pool.reset();
  CHECK(f.timers.size() == 0);
  CHECK(f.server.connections.empty());
}
