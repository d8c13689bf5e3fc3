// What every error of the pool carries, whatever led to it.
#include "pool_fixture.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace dbs;
using namespace dbs::postgres;
using namespace dbs::postgres::test;

namespace {

/// A pool of two whose owner 77 has held a connection for 3 s and whose last
/// connect failed.
struct strained_pool : pool_fixture {
  strained_pool() : pool_fixture{2, 1} {
    settings.max_waiting = 1;
    held = lease(77);
    advance(3s);
    server.refusal = fail(errc::connection_lost, "too many clients");
    execute("SELECT 'wakes the pool'", 5, now + 1ms);
    advance(1ms);
    server.answers = false;
  }

  pg_lease held;
};

void check(const answer& x, errc code) {
  CAPTURE(to_string(code), x.what());
  CHECK(x.code == code);
  CHECK(x["size"] == "2");
  CHECK(x["max_overflow"] == "1");
  CHECK(x["in_use"] != "-");
  CHECK(x["waiting"] != "-");
  CHECK(x["oldest_holder"] == "77");
  CHECK(std::stoll(x["oldest_holder_age_ms"]) >= 3000);
  CHECK(x["last_connect_error"] == "connection_lost: too many clients");
}

} // namespace

TEST_CASE("the acquire timeout tells how the pool stands") {
  strained_pool f;
  auto late = f.checkout(2);
  f.advance(10s);
  check(f[late], errc::pool_exhausted);
}

TEST_CASE("a deadline in the queue, on a lease and of a statement tells how the pool stands") {
  strained_pool f;
  auto queued = f.execute("SELECT 1", 2, f.now + 1s);
  auto running = f.on_lease_execute(f.held, "SELECT 2", f.now + 1s);
  auto pending = f.on_lease_execute(f.held, "SELECT 3", f.now + 1s);
  auto dead = f.execute("SELECT 4", 3, f.now);
  f.advance(1s);
  for (auto token : {queued, running, pending, dead})
    check(f[token], errc::deadline_exceeded);
}

TEST_CASE("a full queue tells how the pool stands") {
  strained_pool f;
  f.checkout(2);
  check(f[f.checkout(3)], errc::overloaded);
}

TEST_CASE("a full lease tells how the pool stands") {
  strained_pool f;
  for (int i = 0; i < 66; ++i)
    f.on_lease_execute(f.held, "SELECT " + std::to_string(i));
  check(f.answers.rbegin()->second, errc::overloaded);
}

TEST_CASE("a statement in doubt tells how the pool stands") {
  strained_pool f;
  SECTION("its deadline passed") {
    auto write = f.on_lease_execute(f.held, "INSERT 1", f.now + 1s);
    f.advance(1s);
    check(f[write], errc::in_doubt);
  }
  SECTION("its connection broke") {
    auto write = f.on_lease_execute(f.held, "INSERT 1");
    f.server.connections[0]->kill(true);
    check(f[write], errc::in_doubt);
  }
}

TEST_CASE("a lost connection tells how the pool stands") {
  strained_pool f;
  auto other = f.checkout(2);
  f.server.refusal.reset();
  f.advance(10s);
  REQUIRE(f[other].code == errc::none);
  auto lease = f[other].lease;
  f.server.refusal = fail(errc::connection_lost, "too many clients");
  f.checkout(3, f.now + 10ms);
  f.checkout(4, f.now + 10ms);
  f.advance(10ms);
  f.on_lease_execute(lease, "SELECT 1");
  auto queued = f.on_lease_execute(lease, "SELECT 2");
  f.server.running("SELECT 1").kill(true);
  check(f[queued], errc::connection_lost);
  check(f[f.on_lease_execute(lease, "SELECT 3")], errc::connection_lost);
}

TEST_CASE("a pool that drains tells how it stands") {
  strained_pool f;
  auto waiting = f.checkout(2);
  auto running = f.on_lease_execute(f.held, "SELECT 1");
  f->drain(f.now + 1s);
  check(f[waiting], errc::draining);
  check(f[f.execute("SELECT 2")], errc::draining);
  f.advance(1s);
  // Nobody holds a connection any more.
  CHECK(f[running].code == errc::draining);
  CHECK(f[running]["size"] == "2");
  CHECK(f[running]["last_connect_error"] == "connection_lost: too many clients");
}

TEST_CASE("the server's own error is passed on as it is") {
  strained_pool f;
  auto bad = f.on_lease_execute(f.held, "SELEC 1");
  f.server.connections[0]->fail_with(pool_fixture::sql_error("42601"));
  CHECK(f[bad]["size"] == "-");
  CHECK(f[bad].what() == "the server said so");
}
