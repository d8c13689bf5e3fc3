// Batches on a lease: what is refused, what is answered, and when the outcome is
// unknown.
#include "pool_fixture.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace dbs;
using namespace dbs::postgres;
using namespace dbs::postgres::test;

using lines = std::vector<std::string>;

TEST_CASE("a batch is answered with one result for each statement") {
  pool_fixture f;
  auto lease = f.lease();
  f.server.answers = false;
  auto batch = f.batch(lease, {"SELECT 1", "SELECT 2", "SELECT 3"});
  auto next = f.on_lease_execute(lease, "SELECT 4");
  auto& conn = *f.server.connections[0];
  CHECK(conn.log == lines{"batch of 3: SELECT 1"});
  conn.part();
  CHECK_FALSE(f.answered(batch));
  conn.succeed();
  CHECK(f[batch].code == errc::none);
  CHECK(f[batch].results == 3);
  // then comes what was asked for next
  CHECK(conn.running == "SELECT 4");
  CHECK_FALSE(f.answered(next));
  CHECK(f.counter("statements") == 4);
}

TEST_CASE("an empty batch has no results and asks nobody") {
  pool_fixture f;
  auto lease = f.lease();
  auto batch = f.batch(lease, {});
  CHECK(f[batch].code == errc::none);
  CHECK(f[batch].results == 0);
  CHECK(f.server.connections[0]->log.empty());
  CHECK(f[f.batch(pg_lease{17}, {})].code != errc::none);
}

TEST_CASE("a batch that controls the transaction is refused, naming the statement") {
  pool_fixture f;
  auto lease = f.lease();
  for (auto* sql : {"begin", "START TRANSACTION", "commit", "end", "/* x */ rollback", "abort",
                    "savepoint a", "release a", "prepare transaction 'x'"}) {
    INFO(sql);
    auto batch = f.batch(lease, {"SELECT 1", sql});
    CHECK(f[batch].code == errc::invalid_argument);
    CHECK(f[batch]["statement"] == "1");
  }
  CHECK(f.server.connections[0]->log.empty());
}

TEST_CASE("a batch that is a transaction of its own runs no procedure") {
  pool_fixture f;
  auto lease = f.lease();
  auto& conn = *f.server.connections[0];
  for (auto* sql : {"CALL p()", "do $$ begin commit; end $$"}) {
    INFO(sql);
    auto alone = f.batch(lease, {"SELECT 1", sql});
    CHECK(f[alone].code == errc::invalid_argument);
    CHECK(f[alone]["statement"] == "1");
    CHECK(conn.log.empty());
  }
  // where it cannot commit, it may run
  f.begin(lease);
  auto within = f.batch(lease, {"SELECT 1", "CALL p()"});
  f.run();
  CHECK(f[within].code == errc::none);
  CHECK(conn.log == lines{"BEGIN", "batch of 2: SELECT 1"});
}

TEST_CASE("batches are bounded") {
  pool_fixture f;
  auto lease = f.lease();
  auto many = f.batch(lease, lines(pg_batch::max_statements + 1, "SELECT 1"));
  CHECK(f[many].code == errc::payload_too_large);
  CHECK(f[many]["limit"] == std::to_string(pg_batch::max_statements));
  auto large = f.batch(lease, {"SELECT '" + std::string(pg_batch::max_bytes, 'x') + "'"});
  CHECK(f[large].code == errc::payload_too_large);
  CHECK(f[large]["limit"] == std::to_string(pg_batch::max_bytes));
  CHECK(f.server.connections[0]->log.empty());
}

TEST_CASE("the error of a batch is the answer to all of it") {
  pool_fixture f;
  auto lease = f.lease();
  f.server.answers = false;
  auto batch = f.batch(lease, {"SELECT 1", "SELECT 2"});
  auto& conn = *f.server.connections[0];
  conn.part();
  conn.fail_with(f.sql_error("22012"));
  CHECK(f[batch].code == errc::query_failed);
  CHECK(f[batch].sqlstate() == "22012");
  // and the lease goes on
  auto next = f.on_lease_execute(lease, "SELECT 3");
  conn.succeed();
  CHECK(f[next].code == errc::none);
}

TEST_CASE("a batch with a stale plan is run once more, from its beginning") {
  pool_fixture f;
  auto lease = f.lease();
  f.server.answers = false;
  auto batch = f.batch(lease, {"SELECT 1", "SELECT 2"});
  auto& conn = *f.server.connections[0];
  conn.part();
  conn.fail_with(f.stale_plan());
  CHECK_FALSE(f.answered(batch));
  CHECK(conn.running == "batch of 2: SELECT 1");
  conn.succeed();
  CHECK(f[batch].results == 2);
}

TEST_CASE("a batch whose deadline passes is in doubt if it may have written") {
  for (auto in_transaction : {false, true}) {
    for (auto* sql : {"SELECT 2", "INSERT 2"}) {
      INFO(sql << " " << in_transaction);
      pool_fixture f;
      auto lease = f.lease();
      if (in_transaction) {
        f.begin(lease);
        f.run();
      }
      f.server.answers = false;
      auto batch = f.batch(lease, {"SELECT 1", sql}, f.now + 1s);
      auto& conn = *f.server.connections[0];
      conn.part();
      f.advance(1s);
      auto doubt = !in_transaction && std::string{sql} == "INSERT 2";
      CHECK(f[batch].code == (doubt ? errc::in_doubt : errc::deadline_exceeded));
      // Parts that come late belong to nobody.
      conn.part();
      conn.fail_with(f.sql_error("57014"));
      auto next = f.on_lease_execute(lease, "SELECT 3");
      conn.succeed();
      CHECK(f[next].code == errc::none);
    }
  }
}

TEST_CASE("a batch on a connection that breaks is answered once") {
  pool_fixture f;
  auto lease = f.lease();
  f.server.answers = false;
  auto batch = f.batch(lease, {"SELECT 1", "SELECT 2"});
  auto waiting = f.batch(lease, {"SELECT 3"});
  auto& conn = *f.server.connections[0];
  conn.part();
  conn.kill();
  CHECK(f[batch].code == errc::in_doubt);
  CHECK(f[waiting].code == errc::connection_lost);
}
