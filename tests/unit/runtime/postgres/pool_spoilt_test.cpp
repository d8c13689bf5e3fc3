// Transactions of which a part was not run: nothing of them may be committed.
#include "pool_fixture.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace dbs;
using namespace dbs::postgres;
using namespace dbs::postgres::test;

using lines = std::vector<std::string>;

namespace {

struct fixture : pool_fixture {
  fixture() : pool_fixture{1, 0}, held(lease()) {}

  scripted_connection& conn() { return *server.connections[0]; }

  /// Whether a request was refused as PostgreSQL refuses in a failed transaction.
  bool refused(request_token token) {
    return (*this)[token].code == errc::query_failed && (*this)[token].sqlstate() == "25P02";
  }

  pg_lease held;
};

} // namespace

TEST_CASE_METHOD(fixture, "a statement that waited too long takes its transaction with it") {
  begin(held);
  run();
  server.answers = false;
  on_lease_execute(held, "UPDATE a");
  auto late = on_lease_execute(held, "UPDATE b", now + 1s);
  auto commit = this->commit(held);
  advance(1s);
  CHECK((*this)[late].code == errc::deadline_exceeded);
  conn().succeed();
  // the commit rolls back, and the lease can be used again
  CHECK(conn().running == "ROLLBACK");
  conn().succeed();
  CHECK(refused(commit));
  server.answers = true;
  begin(held);
  auto next = on_lease_execute(held, "UPDATE c");
  auto good = this->commit(held);
  run();
  CHECK((*this)[next].code == errc::none);
  CHECK((*this)[good].code == errc::none);
  CHECK(conn().log == lines{"BEGIN", "UPDATE a", "ROLLBACK", "BEGIN", "UPDATE c", "COMMIT"});
}

TEST_CASE_METHOD(fixture, "so does one that came too late, or could not be sent") {
  begin(held);
  run();
  SECTION("its deadline had passed") {
    on_lease_execute(held, "UPDATE a", now);
  }
  SECTION("the connection refuses it") {
    server.answers = false;
    auto bad = on_lease_execute(held, "UPDATE a");
    conn().refuse_running(fail(errc::invalid_argument, "$1 contains a zero byte"));
    CHECK((*this)[bad].code == errc::invalid_argument);
    server.answers = true;
  }
  SECTION("a savepoint without a name") {
    (*this)->savepoint(++last_token, {held, pg_savepoint_action::set, ""}, never);
    CHECK((*this)[last_token].code == errc::invalid_argument);
  }
  auto behind = on_lease_execute(held, "UPDATE b");
  auto commit = this->commit(held);
  run();
  CHECK(refused(behind));
  CHECK(refused(commit));
  CHECK(conn().log.back() == "ROLLBACK");
}

TEST_CASE_METHOD(fixture, "so does one for which there was no room") {
  begin(held);
  run();
  server.answers = false;
  for (int i = 0; i < 70; ++i)
    on_lease_execute(held, "UPDATE " + std::to_string(i));
  // given room again before the rest is sent
  for (int i = 0; i < 10; ++i)
    conn().succeed();
  auto behind = on_lease_execute(held, "UPDATE behind");
  auto commit = this->commit(held);
  server.answers = true;
  run();
  CHECK(refused(behind));
  CHECK(refused(commit));
  CHECK(conn().log.back() == "ROLLBACK");
}

TEST_CASE_METHOD(fixture, "without its begin, nothing of a transaction is run") {
  SECTION("it came too late") {
    begin(held, false, now);
  }
  SECTION("it waited too long") {
    server.answers = false;
    on_lease_execute(held, "SELECT 1");
    begin(held, false, now + 1s);
  }
  SECTION("it was cancelled") {
    server.answers = false;
    begin(held, false, now + 1s);
  }
  auto behind = on_lease_execute(held, "UPDATE a");
  auto commit = this->commit(held);
  advance(1s);
  if (!server.answers) {
    if (conn().running == "BEGIN")
      conn().fail_with(sql_error("57014"));
    else
      conn().succeed();
  }
  server.answers = true;
  run();
  CHECK(refused(behind));
  CHECK(refused(commit));
  // the failed commit was the end of it
  auto next = on_lease_execute(held, "UPDATE b");
  run();
  CHECK((*this)[next].code == errc::none);
  CHECK(std::find(conn().log.begin(), conn().log.end(), "UPDATE a") == conn().log.end());
}

TEST_CASE_METHOD(fixture, "a late statement that was done after all is not committed") {
  begin(held);
  run();
  server.answers = false;
  auto late = on_lease_execute(held, "INSERT 1", now + 1s);
  auto commit = this->commit(held);
  advance(1s);
  CHECK((*this)[late].code == errc::deadline_exceeded);
  // when the cancel comes too late
  conn().succeed();
  server.answers = true;
  run();
  CHECK(refused(commit));
  CHECK(conn().log == lines{"BEGIN", "INSERT 1", "ROLLBACK"});
}

TEST_CASE_METHOD(fixture, "the ways back are open") {
  begin(held);
  (*this)->savepoint(++last_token, {held, pg_savepoint_action::set, "before"}, never);
  run();
  on_lease_execute(held, "UPDATE a", now);
  CHECK(refused(on_lease_execute(held, "UPDATE b")));
  CHECK(refused(on_lease_execute(held, "COMMIT")));
  SECTION("rollback") {
    auto back = rollback(held);
    run();
    CHECK((*this)[back].code == errc::none);
    begin(held);
  }
  SECTION("ROLLBACK as text") {
    auto back = on_lease_execute(held, "/* x */ rollback");
    conn().session = transaction_status::idle;
    run();
    CHECK((*this)[back].code == errc::none);
    begin(held);
  }
  SECTION("to a savepoint, which must be older") {
    (*this)->savepoint(++last_token, {held, pg_savepoint_action::rollback_to, "before"}, never);
    auto back = last_token;
    run();
    CHECK((*this)[back].code == errc::none);
  }
  auto next = on_lease_execute(held, "UPDATE c");
  auto commit = this->commit(held);
  run();
  CHECK((*this)[next].code == errc::none);
  CHECK((*this)[commit].code == errc::none);
}

TEST_CASE_METHOD(fixture, "outside a transaction a refusal is the end of one statement only") {
  server.answers = false;
  on_lease_execute(held, "UPDATE a");
  auto late = on_lease_execute(held, "UPDATE b", now + 1s);
  begin(held);
  auto next = on_lease_execute(held, "UPDATE c");
  auto commit = this->commit(held);
  advance(1s);
  CHECK((*this)[late].code == errc::deadline_exceeded);
  server.answers = true;
  run();
  CHECK((*this)[next].code == errc::none);
  CHECK((*this)[commit].code == errc::none);
}

TEST_CASE_METHOD(fixture, "a lease with refused requests on it is released and lost as any other") {
  begin(held);
  run();
  server.answers = false;
  auto first = on_lease_execute(held, "UPDATE a");
  on_lease_execute(held, "UPDATE b", now + 1s);
  auto release = this->release(held);
  advance(1s);
  SECTION("released") {
    server.answers = true;
    run();
    CHECK((*this)[first].code == errc::none);
    CHECK(conn().log.back() == "ROLLBACK");
    CHECK((*this)->stats().idle == 1);
  }
  SECTION("lost") {
    conn().kill();
    run();
    CHECK((*this)[first].code == errc::in_doubt);
  }
  CHECK((*this)[release].code == errc::none);
}
