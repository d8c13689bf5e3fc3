#include "integration/actors/postgres_pool/pool_fixture.hpp"
#include "integration/error_field.hpp"

#include <catch2/catch_test_macros.hpp>

#include <future>
#include <memory>

using namespace dbs;
using namespace dbs::tests;

TEST_CASE_METHOD(pool_fixture, "a batch outside a transaction happens as a whole or not at all") {
  start();
  REQUIRE(database().execute("create table t (x int primary key)"));
  auto session = database().checkout();
  REQUIRE(session);
  auto results = session->execute_batch({make_statement("insert into t values ($1)", 1),
                                         make_statement("insert into t values ($1)", 2),
                                         make_statement("select count(*) from t")});
  REQUIRE(results);
  REQUIRE(results->size() == 3);
  CHECK(results->at(2).row(0).get<int64_t>(0) == 2);
  auto refused = session->execute_batch({make_statement("insert into t values ($1)", 3),
                                         make_statement("insert into t values ($1)", 1)});
  REQUIRE(!refused);
  CHECK(detail(refused.error()).sqlstate == "23505");
  CHECK(field_of(refused.error(), "statement") == "1");
  CHECK(server.psql("select string_agg(x::text, ',' order by x) from t") == "1,2");
}

TEST_CASE_METHOD(pool_fixture, "an actor's batch is part of its transaction") {
  start();
  REQUIRE(database().execute("create table t (x int)"));
  std::promise<caf::expected<std::vector<pg_result>>> done;
  auto asker = system.spawn([&, db = client()](caf::event_based_actor* self) {
    auto failed = [&done](const caf::error& why) { done.set_value(why); };
    db.checkout(self).then(
        [&done, self, failed](pg_session session) {
          auto held = std::make_shared<pg_session>(std::move(session));
          held->begin(self).then([] {}, failed);
          held->execute_batch(self, {make_statement("insert into t values (1)"),
                                     make_statement("select x + 1 from t")})
              .then(
                  [&done, held, self, failed](std::vector<pg_result>& results) {
                    held->rollback(self).then([&done, held, results] { done.set_value(results); },
                                              failed);
                  },
                  failed);
        },
        failed);
  });
  auto results = done.get_future().get();
  REQUIRE(results);
  CHECK(results->at(1).row(0).get<int32_t>(0) == 2);
  CHECK(server.psql("select count(*) from t") == "0");
}

TEST_CASE_METHOD(pool_fixture, "a batch whose backend is killed is in doubt, and the lease lost") {
  start();
  auto session = database().checkout();
  REQUIRE(session);
  auto pid = session->execute("select pg_backend_pid()")->row(0).get<int32_t>(0);
  auto killed = session->execute_batch({make_statement("select 1"),
                                        make_statement("select pg_terminate_backend($1)", *pid),
                                        make_statement("select 3")});
  REQUIRE(!killed);
  CHECK(killed.error() == errc::in_doubt);
  auto next = session->execute_batch({make_statement("select 1")});
  REQUIRE(!next);
  CHECK(next.error() == errc::connection_lost);
}

TEST_CASE_METHOD(pool_fixture, "a batch with plans that no longer fit is run once more") {
  start();
  REQUIRE(database().execute("create table t (x int)"));
  auto session = database().checkout();
  REQUIRE(session);
  auto batch =
      std::vector{make_statement("insert into t values (1)"), make_statement("select * from t")};
  REQUIRE(session->execute_batch(batch));
  server.psql("alter table t add y int");
  auto results = session->execute_batch(batch);
  REQUIRE(results);
  CHECK(results->at(1).columns() == 2);
  CHECK(server.psql("select count(*) from t") == "2");
}

TEST_CASE_METHOD(pool_fixture, "a batch outside a transaction runs nothing that commits inside") {
  start();
  REQUIRE(database().execute("create table t (x int)"));
  REQUIRE(database().execute("create procedure p() language plpgsql as 'begin commit; end'"));
  auto session = database().checkout();
  REQUIRE(session);
  for (auto* sql : {"call p()", "do 'begin commit; end'"}) {
    INFO(sql);
    // when it would commit the insert, which the error behind it could not undo
    std::vector batch{make_statement("insert into t values (1)"), make_statement(sql),
                      make_statement("select 1 / 0")};
    auto refused = session->execute_batch(batch);
    // then nothing of it is run
    REQUIRE(!refused);
    CHECK(refused.error() == errc::invalid_argument);
    CHECK(field_of(refused.error(), "statement") == "1");
    CHECK(server.psql("select count(*) from t") == "0");
    // and inside a transaction the server itself does not let it commit
    REQUIRE(session->begin());
    auto failed = session->execute_batch(batch);
    REQUIRE(!failed);
    CHECK(detail(failed.error()).sqlstate == "2D000");
    REQUIRE(session->rollback());
    CHECK(server.psql("select count(*) from t") == "0");
  }
}

TEST_CASE_METHOD(pool_fixture, "what runs in no transaction is refused behind others of a batch") {
  start();
  REQUIRE(database().execute("create table t (x int)"));
  auto session = database().checkout();
  REQUIRE(session);
  for (auto* sql : {"vacuum t", "create index concurrently on t (x)"}) {
    INFO(sql);
    auto refused =
        session->execute_batch({make_statement("insert into t values (1)"), make_statement(sql)});
    REQUIRE(!refused);
    CHECK(detail(refused.error()).sqlstate == "25001");
    CHECK(server.psql("select count(*) from t") == "0");
  }
}
