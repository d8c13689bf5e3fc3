// What a caller is told about a statement whose end nobody saw, and which errors
// cost the connection.
#include "pool_fixture.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

using namespace dbs;
using namespace dbs::postgres;
using namespace dbs::postgres::test;

using lines = std::vector<std::string>;

// -- errors that are no more than errors ----------------------------------------------

TEST_CASE("an error keeps its connection, whatever its SQLSTATE sounds like") {
  // A wrong number of parameters, a foreign server that is away, RAISE ... USING.
  auto state = GENERATE(as<std::string>{}, "08P01", "08006", "57P01", "57P03");
  CAPTURE(state);
  pool_fixture f{1, 0};
  f.server.answers = false;
  auto bad = f.execute("SELECT 1");
  f.run();
  f.server.connections[0]->fail_with(pool_fixture::sql_error(state));
  CHECK(f[bad].code == errc::query_failed);
  CHECK(f[bad].sqlstate() == state);
  CHECK(f->stats().idle == 1);
  f.server.answers = true;
  auto lease = f.lease();
  f.server.answers = false;
  bad = f.on_lease_execute(lease, "SELECT 2");
  f.server.connections[0]->fail_with(pool_fixture::sql_error(state));
  CHECK(f[bad].sqlstate() == state);
  f.server.answers = true;
  auto next = f.on_lease_execute(lease, "SELECT 3");
  f.run();
  CHECK(f[next].code == errc::none);
  CHECK(f.counter("lost") == 0);
  CHECK(f.server.opened == 1);
}

TEST_CASE("what waits behind an error and the end of the connection was certainly not sent") {
  pool_fixture f{1, 0};
  auto lease = f.lease();
  f.server.answers = false;
  auto copy = f.on_lease_execute(lease, "COPY t TO STDOUT");
  auto insert = f.on_lease_execute(lease, "INSERT 1");
  auto begin = f.begin(lease);
  f.server.connections[0]->fail_and_close(fail(errc::invalid_argument, "COPY is not supported"));
  f.run();
  CHECK(f[copy].code == errc::invalid_argument);
  CHECK(f[insert].code == errc::connection_lost);
  CHECK(f[begin].code == errc::connection_lost);
  CHECK(f.counter("lost") == 1);
  CHECK(f.counter("lease_lost") == 1);
  CHECK(f.counter("cleanup_failed") == 0);
}

TEST_CASE("a connection that ends behind the error of a single statement is replaced") {
  pool_fixture f{1, 0};
  f.server.answers = false;
  auto copy = f.execute("COPY t TO STDOUT");
  auto next = f.execute("INSERT 1", 2);
  f.run();
  f.server.connections[0]->fail_and_close(fail(errc::invalid_argument, "COPY is not supported"));
  f.server.answers = true;
  f.run();
  CHECK(f[copy].code == errc::invalid_argument);
  CHECK(f[next].code == errc::none);
  CHECK(f.counter("lost") == 1);
  CHECK(f.counter("cleanup_failed") == 0);
}

// -- deadlines ------------------------------------------------------------------------

namespace {

/// What a statement that is late is answered, outside a transaction.
errc late_alone(std::string sql, bool on_lease) {
  pool_fixture f{1, 0};
  std::optional<pg_lease> lease;
  if (on_lease)
    lease = f.lease();
  f.server.answers = false;
  auto deadline = f.now + 1s;
  auto late = lease ? f.on_lease_execute(*lease, std::move(sql), deadline)
                    : f.execute(std::move(sql), 1, deadline);
  f.advance(1s);
  return f[late].code;
}

/// Likewise inside one.
errc late_in_transaction(std::string sql) {
  pool_fixture f{1, 0};
  auto lease = f.lease();
  f.begin(lease);
  f.run();
  f.server.answers = false;
  auto late = f.on_lease_execute(lease, std::move(sql), f.now + 1s);
  f.advance(1s);
  return f[late].code;
}

} // namespace

TEST_CASE("a late write may have happened: its cancel can come too late") {
  for (auto sql : {"INSERT 1", "update t set x = 1", "CALL f()", "SELECT 1 INTO t", "COMMIT",
                   "WITH x AS (DELETE FROM t RETURNING *) SELECT * FROM x", "VACUUM t"}) {
    CAPTURE(sql);
    CHECK(late_alone(sql, false) == errc::in_doubt);
    CHECK(late_alone(sql, true) == errc::in_doubt);
  }
}

TEST_CASE("a late read was not done") {
  for (auto sql : {"SELECT 1", "/* x */ (select 1)", "VALUES (1)", "SHOW work_mem", "TABLE t",
                   "WITH x AS (SELECT 1) SELECT * FROM x"}) {
    CAPTURE(sql);
    CHECK(late_alone(sql, false) == errc::deadline_exceeded);
    CHECK(late_alone(sql, true) == errc::deadline_exceeded);
  }
}

TEST_CASE("inside a transaction nothing has happened before its commit, however it is typed") {
  CHECK(late_in_transaction("INSERT 1") == errc::deadline_exceeded);
  CHECK(late_in_transaction("SELECT 1") == errc::deadline_exceeded);
  CHECK(late_in_transaction("ROLLBACK") == errc::deadline_exceeded);
  CHECK(late_in_transaction("commit") == errc::in_doubt);
  CHECK(late_in_transaction("END") == errc::in_doubt);
  CHECK(late_in_transaction("PREPARE TRANSACTION 'x'") == errc::in_doubt);
}

TEST_CASE("a late BEGIN is no doubt") {
  pool_fixture f{1, 0};
  auto lease = f.lease();
  f.server.answers = false;
  auto begin = f.begin(lease, false, f.now + 1s);
  f.advance(1s);
  CHECK(f[begin].code == errc::deadline_exceeded);
}

TEST_CASE("a write that the end of a drain interrupts is in doubt, too") {
  pool_fixture f{2, 0};
  f.server.answers = false;
  auto write = f.execute("INSERT 1", 1);
  auto read = f.execute("SELECT 1", 2);
  f.run();
  f->drain(f.now + 1s);
  f.advance(1s);
  CHECK(f[write].code == errc::in_doubt);
  CHECK(f[read].code == errc::draining);
}

TEST_CASE("a typed COMMIT does not report success for a transaction that was rolled back") {
  pool_fixture f{1, 0};
  auto lease = f.lease();
  f.begin(lease);
  f.run();
  f.server.answers = false;
  f.on_lease_execute(lease, "INSERT 1");
  f.server.connections[0]->fail_with(pool_fixture::sql_error("23505"));
  f.server.answers = true;
  SECTION("COMMIT is refused") {
    auto commit = f.on_lease_execute(lease, "COMMIT");
    f.run();
    CHECK(f[commit].code == errc::query_failed);
    CHECK(f[commit].sqlstate() == "25P02");
  }
  SECTION("ROLLBACK is what it says") {
    auto rollback = f.on_lease_execute(lease, "ROLLBACK");
    f.run();
    CHECK(f[rollback].code == errc::none);
  }
}

// -- a server that does not answer ----------------------------------------------------

TEST_CASE("a request without a deadline is bounded by the statement timeout and a second") {
  pool_fixture f{2, 0};
  f.settings.statement_timeout = 5s;
  auto lease = f.lease(1);
  f.server.answers = false;
  f.server.settles_cancels = false;
  auto single = f.execute("SELECT 1", 2);
  auto begin = f.begin(lease);
  f.advance(5999ms);
  REQUIRE_FALSE(f.answered(single));
  REQUIRE_FALSE(f.answered(begin));
  f.advance(1ms);
  CHECK(f[single].code == errc::deadline_exceeded);
  CHECK(f[begin].code == errc::deadline_exceeded);
  CHECK(f[single].what().find("5 s") != std::string::npos);
}

TEST_CASE("the time that a request waits for its turn does not count as the server's") {
  pool_fixture f{1, 0};
  f.settings.statement_timeout = 5s;
  auto lease = f.lease();
  f.server.answers = false;
  f.on_lease_execute(lease, "SELECT 1");
  auto second = f.on_lease_execute(lease, "SELECT 2");
  f.advance(4s);
  f.server.running("SELECT 1").succeed();
  f.advance(4s);
  REQUIRE_FALSE(f.answered(second));
  f.server.running("SELECT 2").succeed();
  CHECK(f[second].code == errc::none);
}

TEST_CASE("behind a pooler the pool itself keeps the statement timeout") {
  pool_fixture f{1, 0};
  f.settings.statement_timeout = 5s;
  f.settings.transaction_pooler = true;
  f.server.answers = false;
  auto deadline = GENERATE(0s, 60s);
  auto slow =
      f.execute("SELECT 1", 1, deadline == 0s ? pool_core::time_point::max() : f.now + deadline);
  f.advance(4999ms);
  CHECK_FALSE(f.answered(slow));
  f.advance(1ms);
  CHECK(f[slow].code == errc::deadline_exceeded);
}

TEST_CASE("a caller's own deadline is not cut short by the statement timeout") {
  // For a session that has raised its statement_timeout.
  pool_fixture f{1, 0};
  f.settings.statement_timeout = 5s;
  f.server.answers = false;
  auto patient = f.execute("SELECT 1", 1, f.now + 1min);
  f.advance(59s);
  CHECK_FALSE(f.answered(patient));
  f.advance(1s);
  CHECK(f[patient].code == errc::deadline_exceeded);
}
