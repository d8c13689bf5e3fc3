// Prepared statements whose plan the schema has left behind.
#include "integration/actors/postgres_pool/pool_fixture.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace dbs;
using namespace dbs::tests;

namespace {

/// A pool of two connections that both have prepared `select * from t`.
struct prepared_fixture : pool_fixture {
  prepared_fixture() {
    settings.pool_size = 2;
    start();
    server.psql("create table t (x int); insert into t values (1); "
                "create table other (x int)");
    auto first = database().checkout();
    auto second = client().sync(system).checkout();
    REQUIRE(first);
    REQUIRE(second);
    for (auto* session : {&*first, &*second}) {
      REQUIRE(session->execute("select * from t")->columns() == 1);
      CHECK(prepared(*session) == "dbs_1");
    }
  }

  /// The names of what the session's connection has prepared, without this one.
  static std::string prepared(blocking_database::session& session) {
    auto rows = session.run({"select coalesce(string_agg(name, ' ' order by name), '') "
                             "from pg_prepared_statements",
                             {},
                             false});
    REQUIRE(rows);
    return std::string{rows->row(0).text(0)};
  }

  static bool is_stale(const caf::expected<pg_result>& result) {
    return !result && result.error() == errc::query_failed &&
           detail(result.error()).sqlstate == "0A000";
  }
};

} // namespace

TEST_CASE_METHOD(prepared_fixture, "a changed schema is prepared anew, once, by every connection") {
  server.psql("alter table t add y int");
  // when one connection meets it
  auto rows = database().execute("select * from t");
  REQUIRE(rows);
  CHECK(rows->columns() == 2);
  CHECK(counter("stale_plan") == 1);
  // then the other one forgets its statement before it meets it
  auto first = database().checkout();
  auto second = client().sync(system).checkout();
  REQUIRE(first);
  REQUIRE(second);
  for (auto* session : {&*first, &*second}) {
    auto again = session->execute("select * from t");
    REQUIRE(again);
    CHECK(again->columns() == 2);
  }
  CHECK(counter("stale_plan") == 1);
  CHECK(counter("errors.query_failed") == 0);
}

TEST_CASE_METHOD(prepared_fixture, "a stale plan inside a transaction is not retried") {
  auto session = database().checkout();
  REQUIRE(session);
  REQUIRE(session->begin());
  REQUIRE(session->execute("insert into other values (2)"));
  server.psql("alter table t add y int");
  auto stale = session->execute("select * from t");
  CHECK(is_stale(stale));
  // then the transaction has failed, as the server says, and nothing else happened
  auto after = session->execute("select 1");
  REQUIRE(!after);
  CHECK(detail(after.error()).sqlstate == "25P02");
  CHECK(!session->commit());
  CHECK(counter("stale_plan") == 1);
  CHECK(server.psql("select count(*) from other") == "0");
  // and the next try, in a transaction of its own, works
  REQUIRE(session->begin());
  CHECK(session->execute("select * from t")->columns() == 2);
  REQUIRE(session->commit());
}

TEST_CASE_METHOD(prepared_fixture,
                 "a stale plan on a lease outside a transaction is retried once") {
  auto session = database().checkout();
  REQUIRE(session);
  server.psql("alter table t add y int");
  auto rows = session->execute("select * from t");
  REQUIRE(rows);
  CHECK(rows->columns() == 2);
  CHECK(counter("stale_plan") == 1);
}

TEST_CASE_METHOD(prepared_fixture, "a statement the server has dropped is prepared anew") {
  // given a connection whose statements have gone without our seeing it
  auto session = database().checkout();
  REQUIRE(session);
  REQUIRE(session->run({"do $$ begin execute 'deallocate all'; end $$", {}, false}));
  CHECK(prepared(*session).empty());
  // then the caller does not notice, and the other connection keeps what it has
  auto rows = session->execute("select * from t");
  REQUIRE(rows);
  CHECK(rows->columns() == 1);
  auto other = client().sync(system).checkout();
  REQUIRE(other);
  CHECK(other->execute("select * from t")->columns() == 1);
  CHECK(prepared(*other) == "dbs_1");
}
