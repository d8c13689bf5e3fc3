// Waiting for a connection: order, deadlines, bounds, and which error says what.
#include "pool_fixture.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace dbs;
using namespace dbs::postgres;
using namespace dbs::postgres::test;

TEST_CASE("waiters are served strictly in the order of asking") {
  pool_fixture f{1, 0};
  auto held = f.lease(1);
  auto first = f.checkout(2);
  auto second = f.execute("SELECT 2", 3);
  f.server.answers = false;
  f.release(held);
  // Whoever asks now does not barge in, although the connection is just back.
  auto third = f.execute("SELECT 3", 4);
  f.run();
  CHECK(f[first].code == errc::none);
  CHECK_FALSE(f.answered(second));
  f.release(f[first].lease);
  f.run();
  CHECK(f.server.connections[0]->running == "SELECT 2");
  f.server.connections[0]->succeed();
  CHECK(f.answered(second));
  CHECK(f.server.connections[0]->running == "SELECT 3");
  CHECK_FALSE(f.answered(third));
}

TEST_CASE("the acquire timeout is pool_exhausted and says how the pool stands") {
  pool_fixture f{1, 1};
  f.lease(11);
  f.advance(2s);
  f.lease(12);
  auto late = f.checkout(13);
  f.advance(9999ms);
  REQUIRE_FALSE(f.answered(late));
  f.advance(1ms);
  auto& x = f[late];
  CHECK(x.code == errc::pool_exhausted);
  CHECK(x["size"] == "1");
  CHECK(x["max_overflow"] == "1");
  CHECK(x["in_use"] == "2");
  CHECK(x["waiting"] == "1");
  CHECK(x["oldest_holder"] == "11");
  CHECK(x["oldest_holder_age_ms"] == "12000");
  CHECK(x["last_connect_error"] == "-");
  CHECK(f.counter("acquire_timeouts") == 1);
  CHECK(f.counter("errors.pool_exhausted") == 1);
  CHECK(f->stats().waiting == 0);
}

TEST_CASE("a caller's deadline that comes first is deadline_exceeded") {
  pool_fixture f{1, 0};
  auto held = f.lease(1);
  auto late = f.execute("SELECT 1", 2, f.now + 5s);
  f.advance(5s);
  CHECK(f[late].code == errc::deadline_exceeded);
  CHECK(f[late]["oldest_holder"] == "1");
  // The connection is not lost to whoever gave up.
  f.release(held);
  f.run();
  CHECK(f->stats().idle == 1);
  CHECK(f.server.connections[0]->log.empty());
}

TEST_CASE("a deadline that has passed on arrival is refused before any work") {
  pool_fixture f{1, 0};
  auto late = f.execute("SELECT 1", 1, f.now);
  CHECK(f[late].code == errc::deadline_exceeded);
  auto lease = f.checkout(1, f.now - 1s);
  CHECK(f[lease].code == errc::deadline_exceeded);
  CHECK(f.server.opened == 0);
  auto held = f.lease(1);
  auto operation = f.on_lease_execute(held, "SELECT 2", f.now);
  CHECK(f[operation].code == errc::deadline_exceeded);
  CHECK(f.server.connections[0]->log.empty());
}

TEST_CASE("a full queue is overloaded at once, by default at ten times the size") {
  pool_fixture f{1, 1};
  f.lease(1);
  f.lease(2);
  for (owner_id owner = 3; owner < 23; ++owner)
    f.checkout(owner);
  CHECK(f->stats().waiting == 20);
  auto shed = f.execute("SELECT 1", 99);
  CHECK(f[shed].code == errc::overloaded);
  CHECK(f[shed]["max_waiting"] == "20");
  CHECK(f[shed]["waiting"] == "20");
  CHECK(f.counter("errors.overloaded") == 1);
}

TEST_CASE("the queue's bound can be set") {
  pool_fixture f{1, 0};
  f.settings.max_waiting = 1;
  f.lease(1);
  f.checkout(2);
  CHECK(f[f.checkout(3)].code == errc::overloaded);
}

TEST_CASE("refused connections keep waiters until their deadline, which then says why") {
  pool_fixture f{2, 0};
  f.server.refusal = fail(errc::connection_lost, "connection refused");
  auto waiting = f.execute("SELECT 1", 1, f.now + 3s);
  f.advance(2999ms);
  REQUIRE_FALSE(f.answered(waiting));
  f.advance(1ms);
  CHECK(f[waiting].code == errc::deadline_exceeded);
  CHECK(f[waiting]["last_connect_error"] == "connection_lost: connection refused");
  CHECK_FALSE(f->connected());
}

TEST_CASE("a permanent refusal fails waiters fast, and recovery is still noticed") {
  pool_fixture f{2, 0};
  f.server.refusal = pool_fixture::sql_error("28P01", "password authentication failed");
  auto first = f.execute("SELECT 1");
  auto second = f.checkout(2);
  f.run();
  CHECK(f[first].code == errc::connection_lost);
  CHECK(f[second].code == errc::connection_lost);
  CHECK(f[first].what().find("password authentication failed") != std::string::npos);
  // Within the back-off nothing is attempted.
  auto third = f.execute("SELECT 1");
  CHECK(f[third].code == errc::connection_lost);
  CHECK(f.server.opened <= 2);
  f.server.refusal.reset();
  f.advance(2s);
  auto fourth = f.execute("SELECT 1");
  f.run();
  CHECK(f[fourth].code == errc::none);
}

TEST_CASE("a permanent refusal does not fail waiters while other connections live") {
  pool_fixture f{2, 0};
  auto held = f.lease(1);
  f.server.refusal = pool_fixture::sql_error("3D000", "database does not exist");
  auto waiting = f.execute("SELECT 1");
  f.advance(1s);
  REQUIRE_FALSE(f.answered(waiting));
  f.release(held);
  f.run();
  CHECK(f[waiting].code == errc::none);
}

TEST_CASE("a connect whose waiter has left goes on and serves the next one") {
  pool_fixture f{1, 0};
  f.server.accepts = false;
  auto gone = f.execute("SELECT 'gone'", 1, f.now + 1s);
  f.advance(1s);
  CHECK(f[gone].code == errc::deadline_exceeded);
  auto next = f.execute("SELECT 'next'", 2);
  f.server.accepts = true;
  f.run();
  CHECK(f[next].code == errc::none);
  CHECK(f.server.opened == 1);
  CHECK(f.server.connections[0]->log == std::vector<std::string>{"SELECT 'next'"});
}

TEST_CASE("a connect whose waiter has left is idle when nobody else waits") {
  pool_fixture f{1, 0};
  f.server.accepts = false;
  auto gone = f.checkout(1, f.now + 1s);
  f.advance(1s);
  CHECK(f[gone].code == errc::deadline_exceeded);
  f.server.accepts = true;
  f.run();
  CHECK(f->stats().idle == 1);
  CHECK(f->stats().leases == 0);
}

TEST_CASE("an owner that would wait for itself is refused and told which lease it holds") {
  pool_fixture f{2, 0};
  auto mine = f.lease(1);
  f.lease(2);
  auto nested = f.checkout(1);
  CHECK(f[nested].code == errc::pool_exhausted);
  CHECK(f[nested]["lease"] == std::to_string(mine.id));
  CHECK(f.counter("nested_refused") == 1);
  // Others wait as usual, and so does whoever insists.
  auto other = f.checkout(3);
  auto insisting = f.checkout(2, pool_fixture::never, true);
  f.run();
  CHECK_FALSE(f.answered(other));
  CHECK_FALSE(f.answered(insisting));
}

TEST_CASE("an owner may hold two leases while connections can be had") {
  pool_fixture f{2, 0};
  f.lease(1);
  auto second = f.checkout(1);
  f.run();
  CHECK(f[second].code == errc::none);
}

TEST_CASE("a nested checkout waits while a statement is going to free a connection") {
  pool_fixture f{2, 0};
  f.lease(1);
  f.server.answers = false;
  f.execute("SELECT 1", 2);
  f.run();
  auto nested = f.checkout(1);
  REQUIRE_FALSE(f.answered(nested));
  f.server.running("SELECT 1").succeed();
  CHECK(f[nested].code == errc::none);
}

TEST_CASE("the waiting requests of a dead owner are dropped") {
  pool_fixture f{1, 0};
  auto held = f.lease(1);
  auto dead = f.checkout(2);
  auto alive = f.checkout(3);
  f->owner_down(2);
  CHECK(f[dead].code == errc::peer_unavailable);
  f.release(held);
  f.run();
  CHECK(f[alive].code == errc::none);
}

TEST_CASE("a statement of which nothing was sent moves to another connection") {
  pool_fixture f{2, 0};
  auto c1 = f.lease(1);
  auto c2 = f.lease(2);
  f.release(c1);
  f.release(c2);
  f.run();
  f.server.answers = false;
  auto moved = f.execute("SELECT 1");
  f.server.running("SELECT 1").kill(false);
  REQUIRE_FALSE(f.answered(moved));
  f.server.answers = true;
  f.run();
  CHECK(f[moved].code == errc::none);
  CHECK(f.counter("retried") == 1);
}

TEST_CASE("a statement moves no more often than there can be broken connections") {
  pool_fixture f{2, 0};
  f.server.answers = false;
  auto unlucky = f.execute("SELECT 1");
  for (int i = 0; i < 10 && !f.answered(unlucky); ++i) {
    f.run();
    f.server.running("SELECT 1").kill(false);
  }
  CHECK(f[unlucky].code == errc::connection_lost);
  CHECK(f.counter("retried") == 3);
}

TEST_CASE("a statement of which nothing was sent by its deadline was too late, not unlucky") {
  pool_fixture f{2, 0};
  f.server.answers = false;
  auto late = f.execute("SELECT 1", 1, f.now + 10ms);
  f.run();
  f.now += 10ms; // its timer has yet to run
  f.server.running("SELECT 1").kill(false);
  CHECK(f[late].code == errc::deadline_exceeded);
  CHECK(f.counter("retried") == 0);
}

TEST_CASE("a statement that was sent to a connection that broke is in doubt") {
  pool_fixture f{1, 0};
  f.server.answers = false;
  auto sent = f.execute("INSERT 1");
  f.run();
  f.server.running("INSERT 1").kill(true);
  CHECK(f[sent].code == errc::in_doubt);
}

TEST_CASE("an owner that asks twice before the pool has a connection does not wait for itself") {
  pool_fixture f{1, 0};
  auto first = f.checkout(1);
  auto second = f.checkout(1);
  auto other = f.checkout(2);
  f.run();
  CHECK(f[first].code == errc::none);
  CHECK(f[second].code == errc::pool_exhausted);
  CHECK(f[second]["lease"] == std::to_string(f[first].lease.id));
  CHECK_FALSE(f.answered(other));
}

TEST_CASE("an owner that waits for a connection it was going to get is refused after a shrink") {
  pool_fixture f{2, 0};
  f.server.accepts = false;
  auto first = f.checkout(1);
  f.server.with_pid(1).accept();
  REQUIRE(f[first].code == errc::none);
  auto second = f.checkout(1);
  auto insisting = f.checkout(1, pool_fixture::never, true);
  REQUIRE_FALSE(f.answered(second));
  f.server.with_pid(2).refuse(fail(errc::connection_lost, "connection refused"));
  f.run();
  REQUIRE_FALSE(f.answered(second));
  REQUIRE_FALSE(f->resize(1, 0));
  CHECK(f[second].code == errc::pool_exhausted);
  CHECK_FALSE(f.answered(insisting));
}

TEST_CASE("an owner is refused when the last connection that could come back is leased, too") {
  pool_fixture f{2, 0};
  f.lease(1);
  f.server.answers = false;
  f.execute("SELECT 1", 2);
  f.run();
  f.checkout(3);
  auto nested = f.checkout(1);
  REQUIRE_FALSE(f.answered(nested));
  f.server.running("SELECT 1").succeed();
  CHECK(f[nested].code == errc::pool_exhausted);
  CHECK(f.counter("nested_refused") == 1);
}
