// Numbers: what is counted, what is not, and the probe that asks a quiet server.
#include "pool_fixture.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace dbs;
using namespace dbs::postgres;
using namespace dbs::postgres::test;

TEST_CASE("the counter of every kind of error is there from the start") {
  pool_fixture f;
  f.make_pool();
  auto counters = f->stats().counters;
  for (auto code :
       {errc::pool_exhausted, errc::overloaded, errc::deadline_exceeded, errc::connection_lost,
        errc::in_doubt, errc::query_failed, errc::invalid_argument, errc::draining, errc::restarted,
        errc::payload_too_large, errc::peer_unavailable}) {
    auto name = "errors." + to_string(code);
    CAPTURE(name);
    auto found = std::find_if(counters.begin(), counters.end(),
                              [&](const auto& x) { return x.name == name; });
    REQUIRE(found != counters.end());
    CHECK(found->value == field::value_type{int64_t{0}});
  }
}

TEST_CASE("a lease without a connection is no lease in the statistics") {
  pool_fixture f{2, 0};
  f.lease(1);
  f.lease(2);
  f.server.connections[0]->kill();
  CHECK(f->stats().leases == 1);
}

TEST_CASE("what took too long is recorded with the time that it took") {
  pool_fixture f{1, 0};
  f.settings.acquire_timeout = 4s;
  f.server.answers = false;
  f.execute("SELECT 1", 1, f.now + 6s);
  f.run();
  f.checkout(2);
  f.execute("SELECT 2", 3, f.now + 3s);
  f.advance(6s);
  CHECK(f.acquires == std::vector<caf::timespan>{0s, 3s, 4s});
  CHECK(f.queries == std::vector<caf::timespan>{6s});
}

// -- the probe ------------------------------------------------------------------------

TEST_CASE("a probe runs on an idle connection and leaves no trace in the numbers") {
  pool_fixture f{2, 0};
  f->start();
  f.run();
  f.server.answers = false;
  auto before = f->stats();
  auto token = ++f.last_token;
  REQUIRE(f->probe(token, f.now + 2s));
  CHECK(f.server.connections[0]->running == "SELECT 1");
  CHECK(f->stats().active_connections == 0);
  CHECK(f->stats().idle == 1);
  CHECK(f->holders(f.now).empty());
  f.server.connections[0]->succeed();
  CHECK(f[token].code == errc::none);
  CHECK(f->stats().counters == before.counters);
  CHECK(f.acquires.empty());
  CHECK(f.queries.empty());
  CHECK(f->stats().idle == 1);
}

TEST_CASE("a probe does not wait: without an idle connection there is none") {
  pool_fixture f{1, 0};
  f.lease(1);
  CHECK_FALSE(f->probe(++f.last_token, f.now + 2s));
  CHECK(f->stats().waiting == 0);
}

TEST_CASE("a probe of a pool without a connection makes it look for one until it is there") {
  pool_fixture f{1, 0};
  f->start();
  f.run();
  f.server.refusal = fail(errc::connection_lost, "connection refused");
  f.server.connections[0]->kill();
  f.run();
  CHECK(f.server.opened == 1); // nobody needs one
  CHECK_FALSE(f->probe(++f.last_token, f.now + 2s));
  f.run();
  CHECK(f->last_connect_error() == "connection_lost: connection refused");
  f.server.refusal.reset();
  f.advance(1s);
  CHECK(f->connected());
  CHECK(f->probe(++f.last_token, f.now + 2s));
}

TEST_CASE("a probe that is not answered in time fails and frees nobody's connection") {
  pool_fixture f{1, 0};
  f->start();
  f.run();
  f.server.answers = false;
  auto before = f->stats().counters;
  auto token = ++f.last_token;
  REQUIRE(f->probe(token, f.now + 2s));
  f.advance(2s);
  CHECK(f[token].code == errc::deadline_exceeded);
  CHECK(f.counter("errors.deadline_exceeded") == 0);
  CHECK(f.queries.empty());
}

TEST_CASE("a probe that meets a broken connection does not move to another one") {
  pool_fixture f{2, 0};
  f->start();
  f.run();
  f.server.answers = false;
  auto token = ++f.last_token;
  REQUIRE(f->probe(token, f.now + 2s));
  f.server.connections[0]->kill(false);
  CHECK(f[token].code == errc::connection_lost);
  CHECK(f.counter("lost") == 1);
  CHECK(f.counter("errors.connection_lost") == 0);
}

TEST_CASE("the last success is remembered, but neither errors nor probes count") {
  pool_fixture f{2, 0};
  f->start();
  f.run();
  CHECK(f->last_success() == pool_fixture::time_point::min());
  f.server.answers = false;
  REQUIRE(f->probe(++f.last_token, f.now + 2s));
  f.server.connections[0]->succeed();
  f.execute("SELEC 1");
  f.server.connections[0]->fail_with(pool_fixture::sql_error("42601"));
  CHECK(f->last_success() == pool_fixture::time_point::min());
  f.advance(1s);
  f.server.answers = true;
  f.execute("SELECT 1");
  f.run();
  CHECK(f->last_success() == f.now);
  f.advance(1s);
  f.on_lease_execute(f.lease(), "SELECT 1");
  f.run();
  CHECK(f->last_success() == f.now);
}
