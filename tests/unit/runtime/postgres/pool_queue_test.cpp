// Size and overflow: the scripts of SQLAlchemy's QueuePoolTest, replayed, with its
// status tuple (size, checkedin, overflow, checkedout) after each step.
#include "pool_fixture.hpp"

#include <catch2/catch_test_macros.hpp>

#include <deque>

using namespace dbs;
using namespace dbs::postgres;
using namespace dbs::postgres::test;

using tuple = pool_fixture::status_tuple;

TEST_CASE("size and overflow move as SQLAlchemy's queue pool moves them") {
  pool_fixture f{3, 3};
  auto c1 = f.lease(1);
  CHECK(f.status() == tuple{3, 0, -2, 1});
  auto c2 = f.lease(2);
  CHECK(f.status() == tuple{3, 0, -1, 2});
  auto c3 = f.lease(3);
  CHECK(f.status() == tuple{3, 0, 0, 3});
  auto c4 = f.lease(4);
  CHECK(f.status() == tuple{3, 0, 1, 4});
  auto c5 = f.lease(5);
  CHECK(f.status() == tuple{3, 0, 2, 5});
  auto c6 = f.lease(6);
  CHECK(f.status() == tuple{3, 0, 3, 6});
  for (auto c : {c4, c3, c2})
    f.release(c);
  f.run();
  CHECK(f.status() == tuple{3, 3, 3, 3});
  for (auto c : {c1, c5, c6})
    f.release(c);
  f.run();
  CHECK(f.status() == tuple{3, 3, 0, 0});
  f.lease(1);
  c2 = f.lease(2);
  CHECK(f.status() == tuple{3, 1, 0, 2});
  f.release(c2);
  f.run();
  CHECK(f.status() == tuple{3, 2, 0, 1});
  CHECK(f.counter("closed_overflow") == 3);
}

TEST_CASE("forty users never see more than size and overflow") {
  for (uint32_t overflow : {5U, 0U}) {
    pool_fixture f{3, overflow};
    f.settings.max_waiting = 100;
    std::deque<request_token> waiting;
    std::deque<pg_lease> held;
    for (owner_id owner = 1; owner <= 40; ++owner)
      waiting.push_back(f.checkout(owner));
    int rounds = 0;
    while (rounds < 800) {
      f.run();
      while (!waiting.empty() && f.answered(waiting.front())) {
        REQUIRE(f[waiting.front()].code == errc::none);
        held.push_back(f[waiting.front()].lease);
        waiting.pop_front();
      }
      REQUIRE(f.status().overflow <= overflow);
      REQUIRE(!held.empty());
      f.release(held.front());
      held.pop_front();
      if (++rounds <= 760)
        waiting.push_back(f.checkout(static_cast<owner_id>(rounds)));
    }
    f.run();
    CHECK(f.server.most == 3 + overflow);
    CHECK(f.status() == tuple{3, 3, 0, 0});
  }
}

TEST_CASE("a failed connect gives its slot back") {
  pool_fixture f{2, 3};
  f.lease(1);
  f.lease(2);
  f.lease(3);
  CHECK(f.status().overflow == 1);
  f.server.refusal = fail(errc::connection_lost, "connection refused");
  auto failing = f.checkout(4, f.now + 20ms);
  f.advance(20ms);
  CHECK(f[failing].code == errc::deadline_exceeded);
  CHECK(f.status().overflow == 1);
  f.server.refusal.reset();
  auto c4 = f.checkout(4);
  f.advance(1s);
  CHECK(f[c4].code == errc::none);
  CHECK(f.status().overflow == 2);
}

TEST_CASE("a connect that hangs does not keep others from connecting") {
  pool_fixture f{2, 3};
  f.server.accepts = false;
  auto c1 = f.checkout(1);
  auto c2 = f.checkout(2);
  auto c3 = f.checkout(3);
  f.run();
  // No more than two at once: the third waits for one of them.
  REQUIRE(f.server.connecting() == 2);
  f.server.with_pid(2).accept();
  f.run();
  CHECK(f.answered(c1));
  CHECK(f.server.connecting() == 2);
  f.server.with_pid(3).accept();
  CHECK(f.answered(c2));
  CHECK_FALSE(f.answered(c3));
  CHECK(f.status() == tuple{2, 0, 1, 3});
}

TEST_CASE("those that race for the last connection wait for the whole timeout") {
  pool_fixture f{2, 1};
  f.settings.acquire_timeout = 3s;
  std::vector<request_token> all;
  for (owner_id owner = 1; owner <= 10; ++owner)
    all.push_back(f.checkout(owner));
  f.advance(3s - 1ns);
  CHECK(f.answers.size() == 3);
  f.advance(1ns);
  CHECK(f.answers.size() == 10);
  for (size_t i = 0; i < all.size(); ++i)
    CHECK(f[all[i]].code == (i < 3 ? errc::none : errc::pool_exhausted));
  f.advance(1s);
  for (size_t i = 0; i < 3; ++i)
    f.release(f[all[i]].lease);
  f.run();
  CHECK(f.status() == tuple{2, 2, 0, 0});
}

TEST_CASE("waiters are served by what comes back, and nothing is opened for them") {
  pool_fixture f{2, 1};
  auto c1 = f.lease(1);
  auto c2 = f.lease(2);
  auto c3 = f.lease(3);
  auto w1 = f.checkout(4);
  auto w2 = f.checkout(5);
  f.run();
  f.release(c1);
  f.release(c2);
  f.release(c3);
  f.run();
  CHECK(f[w1].code == errc::none);
  CHECK(f[w2].code == errc::none);
  CHECK(f.server.opened == 3);
  f.release(f[w1].lease);
  f.release(f[w2].lease);
  f.run();
  CHECK(f.status() == tuple{2, 2, 0, 0});
}

TEST_CASE("a double release does not put a connection into the pool twice") {
  pool_fixture f{2, 0};
  auto c1 = f.lease(1);
  auto first = f.release(c1);
  auto second = f.release(c1);
  f.run();
  CHECK(f[first].code == errc::none);
  CHECK(f[second].code == errc::none);
  CHECK(f.status() == tuple{2, 1, -1, 0});
}

TEST_CASE("the connection that came back last is used first") {
  pool_fixture f{3, 0};
  auto c1 = f.lease(1);
  auto c2 = f.lease(2);
  auto c3 = f.lease(3);
  for (auto c : {c1, c2, c3})
    f.release(c);
  f.run();
  auto next = f.lease(4);
  f.server.answers = false;
  f.on_lease_execute(next, "SELECT 'here'");
  CHECK(f.server.running("SELECT 'here'").backend_pid() == 3);
}

TEST_CASE("growing serves waiters at once, shrinking closes what comes back") {
  pool_fixture f{1, 0};
  auto c1 = f.lease(1);
  auto waiting = f.checkout(2);
  auto last = f.checkout(3);
  f.run();
  REQUIRE_FALSE(f.answered(waiting));
  CHECK_FALSE(f->resize(2, 1));
  f.run();
  CHECK(f[waiting].code == errc::none);
  CHECK(f[last].code == errc::none);
  CHECK(f.status() == tuple{2, 0, 1, 3});
  CHECK_FALSE(f->resize(1, 0));
  CHECK(f.server.connections.size() == 3);
  auto next = f.checkout(4);
  f.release(c1);
  f.run();
  // The waiter must not keep a connection alive that is one too many.
  CHECK_FALSE(f.answered(next));
  CHECK(f.server.connections.size() == 2);
  f.release(f[waiting].lease);
  f.run();
  CHECK_FALSE(f.answered(next));
  CHECK(f.server.connections.size() == 1);
  f.release(f[last].lease);
  f.run();
  CHECK(f[next].code == errc::none);
  f.release(f[next].lease);
  f.run();
  CHECK(f.status() == tuple{1, 1, 0, 0});
  CHECK(f.counter("closed_shrink") == 2);
}

TEST_CASE("several that come back at the same moment after a shrink are not all closed") {
  pool_fixture f{4, 0};
  std::vector<pg_lease> all;
  for (owner_id owner = 1; owner <= 4; ++owner)
    all.push_back(f.lease(owner));
  REQUIRE_FALSE(f->resize(2, 0));
  for (auto x : all)
    f.release(x);
  f.run();
  CHECK(f.status() == tuple{2, 2, 0, 0});
}

TEST_CASE("shrinking closes idle connections at once, the oldest first") {
  pool_fixture f{3, 0};
  std::vector<pg_lease> all;
  for (owner_id owner = 1; owner <= 3; ++owner)
    all.push_back(f.lease(owner));
  for (auto x : all)
    f.release(x);
  f.run();
  REQUIRE_FALSE(f->resize(1, 0));
  f.run();
  REQUIRE(f.server.connections.size() == 1);
  CHECK(f.server.connections[0]->backend_pid() == 3);
}

TEST_CASE("an impossible size is refused and changes nothing") {
  pool_fixture f{2, 1};
  f.make_pool();
  CHECK(is(f->resize(0, 5), errc::invalid_argument));
  CHECK(is(f->resize(262143, 1), errc::invalid_argument));
  CHECK(is(f->resize(UINT32_MAX, UINT32_MAX), errc::invalid_argument));
  CHECK(f->stats().pool_size == 2);
  CHECK(f->stats().max_overflow == 1);
}
