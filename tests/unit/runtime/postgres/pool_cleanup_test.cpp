// What happens to connections between two users, and to statements that are late.
#include "pool_fixture.hpp"

#include "dbs/runtime/postgres/pool_sql.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace dbs;
using namespace dbs::postgres;
using namespace dbs::postgres::test;

using lines = std::vector<std::string>;

namespace {

const std::string reset{reset_session_sql};

} // namespace

TEST_CASE("a clean connection goes to the next user without a round trip") {
  pool_fixture f{1, 0};
  f.execute("SELECT 1");
  f.execute("SELECT 2");
  auto lease = f.checkout();
  f.run();
  f.release(f[lease].lease);
  f.run();
  CHECK(f.server.connections[0]->log == lines{"SELECT 1", "SELECT 2"});
  CHECK(f->stats().idle == 1);
}

TEST_CASE("a dirty connection is reset before anybody else gets it") {
  pool_fixture f{1, 0};
  auto lease = f.lease(1);
  f.on_lease_execute(lease, "SET search_path = evil");
  f.run();
  f.server.answers = false;
  f.release(lease);
  auto next = f.execute("SELECT 1", 2);
  auto& conn = *f.server.connections[0];
  CHECK(conn.running == reset);
  CHECK(f->stats().quarantined == 1);
  conn.succeed();
  CHECK_FALSE(conn.is_dirty);
  CHECK(conn.running == "SELECT 1");
  conn.succeed();
  CHECK(f[next].code == errc::none);
  CHECK(f->stats().idle == 1);
}

TEST_CASE("an open transaction is rolled back first, then the session is reset") {
  pool_fixture f{1, 0};
  auto lease = f.lease(1);
  f.begin(lease);
  f.on_lease_execute(lease, "SET LOCAL x = 1");
  f.release(lease);
  f.run();
  CHECK(f.server.connections[0]->log == lines{"BEGIN", "SET LOCAL x = 1", "ROLLBACK", reset});
}

TEST_CASE("a strict pool resets on every return") {
  pool_fixture f{1, 0};
  f.settings.strict_reset = true;
  f.execute("SELECT 1");
  f.execute("SELECT 2");
  f.run();
  auto whole = reset + "; DEALLOCATE ALL";
  CHECK(f.server.connections[0]->log == lines{"SELECT 1", whole, "SELECT 2", whole});
}

TEST_CASE("nothing is reset behind a pooler, and what would need it is not sent") {
  pool_fixture f{1, 0};
  f.settings.transaction_pooler = true;
  auto call = f.execute("CALL p()");
  f.run();
  f.server.connections[0]->is_dirty = true; // for all that the text says
  f.execute("SELECT 1");
  auto refused = f.execute("SET x = 1");
  f.run();
  CHECK(f[call].code == errc::none);
  CHECK(f[refused].code == errc::invalid_argument);
  CHECK(f.server.connections[0]->log == lines{"CALL p()", "SELECT 1"});
  CHECK_FALSE(f.server.connections[0]->is_dirty);
}

TEST_CASE("a clean-up that fails or takes too long closes the connection") {
  pool_fixture f{1, 0};
  auto lease = f.lease(1);
  f.begin(lease);
  f.run();
  f.server.answers = false;
  auto release = f.release(lease);
  auto waiting = f.execute("SELECT 1", 2);
  SECTION("it takes too long") {
    f.advance(1999ms);
    CHECK(f.server.connections[0]->backend_pid() == 1);
    f.advance(1ms);
    f.advance(1500ms);
  }
  SECTION("it fails") {
    f.server.connections[0]->fail_with(pool_fixture::sql_error("XX000"));
    f.run();
  }
  CHECK(f[release].code == errc::none);
  CHECK(f.counter("cleanup_failed") == 1);
  f.server.answers = true;
  f.run();
  CHECK(f.server.connections[0]->backend_pid() == 2);
  CHECK(f[waiting].code == errc::none);
  CHECK(f.server.most == 1);
}

TEST_CASE("a statement that leaves a transaction open is refused and rolled back") {
  pool_fixture f{1, 0};
  auto begin = f.execute("BEGIN");
  auto next = f.execute("SELECT 1", 2);
  f.run();
  CHECK(f[begin].code == errc::invalid_argument);
  CHECK(f[begin].what().find("checkout") != std::string::npos);
  CHECK(f[next].code == errc::none);
  CHECK(f.server.connections[0]->log == lines{"BEGIN", "ROLLBACK", "SELECT 1"});
}

TEST_CASE("a connection in an unknown state is closed") {
  pool_fixture f{1, 0};
  f.server.answers = false;
  auto copy = f.execute("COPY t TO STDOUT");
  f.run();
  auto& conn = *f.server.connections[0];
  conn.session = transaction_status::active;
  conn.fail_with(fail(errc::invalid_argument, "COPY is not supported"));
  f.run();
  CHECK(f[copy].code == errc::invalid_argument);
  CHECK(f.server.connections.empty());
}

// -- prepared plans -------------------------------------------------------------------

TEST_CASE("a stale plan is prepared anew and the statement runs once more") {
  pool_fixture f{2, 0};
  auto other = f.lease(9);
  f.server.answers = false;
  auto select = f.execute("SELECT * FROM t");
  f.run();
  auto& conn = f.server.running("SELECT * FROM t");
  conn.fail_with(pool_fixture::stale_plan());
  REQUIRE_FALSE(f.answered(select));
  CHECK(conn.forgotten == 1);
  CHECK(conn.running == "SELECT * FROM t");
  conn.succeed();
  CHECK(f[select].code == errc::none);
  // The other connection forgets before its next statement, once.
  f.server.answers = true;
  f.on_lease_execute(other, "SELECT 1");
  f.on_lease_execute(other, "SELECT 2");
  f.run();
  CHECK(f.server.with_pid(1).forgotten == 1);
}

TEST_CASE("a stale plan is retried only once") {
  pool_fixture f{1, 0};
  f.server.answers = false;
  auto select = f.execute("SELECT * FROM t");
  f.run();
  f.server.connections[0]->fail_with(pool_fixture::stale_plan());
  f.server.connections[0]->fail_with(pool_fixture::stale_plan());
  CHECK(f[select].sqlstate() == "0A000");
}

TEST_CASE("a stale plan inside a transaction is the caller's error") {
  pool_fixture f{1, 0};
  auto lease = f.lease();
  f.begin(lease);
  f.run();
  f.server.answers = false;
  auto select = f.on_lease_execute(lease, "SELECT * FROM t");
  f.server.connections[0]->fail_with(pool_fixture::stale_plan());
  CHECK(f[select].sqlstate() == "0A000");
  CHECK(f.counter("stale_plan") == 1);
}

// -- deadlines of running statements --------------------------------------------------

TEST_CASE("a late statement is answered at once, and its connection waits for both the result "
          "and the cancel") {
  pool_fixture f{1, 0};
  f.server.answers = false;
  f.server.settles_cancels = false;
  auto slow = f.execute("SELECT pg_sleep(60)", 1, f.now + 1s);
  f.run();
  f.advance(1s);
  CHECK(f[slow].code == errc::deadline_exceeded);
  auto& conn = *f.server.connections[0];
  CHECK(conn.cancelling);
  CHECK(f->stats().quarantined == 1);
  CHECK(f->stats().active_connections == 0);
  auto next = f.execute("SELECT 'next'", 2);
  SECTION("the result comes first") {
    conn.fail_with(pool_fixture::sql_error("57014"));
    CHECK_FALSE(conn.running);
    conn.settle_cancel();
  }
  SECTION("the cancel settles first") {
    conn.settle_cancel();
    CHECK(conn.running == "SELECT pg_sleep(60)");
    conn.fail_with(pool_fixture::sql_error("57014"));
  }
  CHECK(conn.running == "SELECT 'next'");
  conn.succeed();
  CHECK(f[next].code == errc::none);
}

TEST_CASE("a quarantine that does not end closes the connection") {
  pool_fixture f{1, 0};
  f.server.answers = false;
  f.server.settles_cancels = false;
  f.execute("SELECT pg_sleep(60)", 1, f.now + 1s);
  f.advance(1s);
  auto next = f.execute("SELECT 'next'", 2);
  f.advance(2s);
  CHECK(f.counter("quarantine_timeout") == 1);
  // The server works on until it notices: the place is not free before that.
  CHECK(f.server.connections.empty());
  CHECK(f->connections() == 1);
  f.server.answers = true;
  f.advance(1499ms);
  REQUIRE_FALSE(f.answered(next));
  f.advance(1ms);
  CHECK(f[next].code == errc::none);
  CHECK(f.server.connections[0]->backend_pid() == 2);
}

TEST_CASE("at most half of the pool's connections are being cancelled at once") {
  pool_fixture f{4, 0};
  f.server.answers = false;
  f.server.settles_cancels = false;
  for (int i = 0; i < 4; ++i)
    f.execute("SELECT " + std::to_string(i), 1, f.now + 1s);
  f.run();
  f.advance(1s);
  auto cancelling = [&] {
    int n = 0;
    for (auto* x : f.server.connections)
      n += x->cancelling ? 1 : 0;
    return n;
  };
  CHECK(f.answers.size() == 4);
  CHECK(cancelling() == 2);
  // One ends by itself before its cancel was sent: that is not needed any more.
  f.server.with_pid(3).succeed();
  CHECK(f->stats().idle == 1);
  f.server.with_pid(1).settle_cancel();
  CHECK(cancelling() == 2);
  CHECK(f.server.with_pid(4).cancelling);
}

TEST_CASE("a late statement leaves the lease with its owner, whose next request waits") {
  pool_fixture f{1, 0};
  auto lease = f.lease();
  f.server.answers = false;
  f.server.settles_cancels = false;
  auto slow = f.on_lease_execute(lease, "SELECT pg_sleep(60)", f.now + 1s);
  f.advance(1s);
  CHECK(f[slow].code == errc::deadline_exceeded);
  auto next = f.on_lease_execute(lease, "SELECT 'next'");
  auto& conn = *f.server.connections[0];
  conn.fail_with(pool_fixture::sql_error("57014"));
  CHECK_FALSE(conn.running);
  conn.settle_cancel();
  CHECK(conn.running == "SELECT 'next'");
  conn.succeed();
  CHECK(f[next].code == errc::none);
}

TEST_CASE("a request that is late while another one runs on its lease is never sent") {
  pool_fixture f{1, 0};
  auto lease = f.lease();
  f.server.answers = false;
  f.on_lease_execute(lease, "SELECT 'slow'");
  auto queued = f.on_lease_execute(lease, "SELECT 'queued'", f.now + 1s);
  f.advance(1s);
  CHECK(f[queued].code == errc::deadline_exceeded);
  f.server.answers = true;
  f.run();
  CHECK(f.server.connections[0]->log == lines{"SELECT 'slow'"});
}

TEST_CASE("a lease whose late statement does not end loses its connection") {
  pool_fixture f{1, 0};
  auto lease = f.lease();
  f.server.answers = false;
  f.server.settles_cancels = false;
  f.on_lease_execute(lease, "SELECT pg_sleep(60)", f.now + 1s);
  f.advance(1s);
  auto next = f.on_lease_execute(lease, "SELECT 'next'");
  f.advance(2s);
  CHECK(f[next].code == errc::connection_lost);
  CHECK(f.server.connections.empty());
}

TEST_CASE("a statement that fails keeps its connection") {
  pool_fixture f{1, 0};
  f.server.answers = false;
  auto bad = f.execute("SELEC 1");
  f.run();
  f.server.connections[0]->fail_with(pool_fixture::sql_error("42601", "syntax error"));
  CHECK(f[bad].sqlstate() == "42601");
  CHECK(f->stats().idle == 1);
  CHECK(f.counter("errors.query_failed") == 1);
}

TEST_CASE("statements that the user has prepared do not survive the reset") {
  pool_fixture f{1, 0};
  auto lease = f.lease(1);
  f.on_lease_execute(lease, "PREPARE mine AS SELECT 1");
  f.release(lease);
  f.run();
  lease = f.lease(2);
  f.on_lease_execute(lease, "SET x = 1");
  f.release(lease);
  f.run();
  CHECK(f.server.connections[0]->log ==
        lines{"PREPARE mine AS SELECT 1", reset + "; DEALLOCATE ALL", "SET x = 1", reset});
}

TEST_CASE("a PREPARE that its caller did not wait for is found, too") {
  pool_fixture f{1, 0};
  auto lease = f.lease(1);
  f.server.answers = false;
  f.on_lease_execute(lease, "PREPARE mine AS SELECT 1", f.now + 1s);
  f.advance(1s);
  f.server.answers = true;
  f.release(lease);
  f.run();
  CHECK(f.server.connections[0]->log.back() == reset + "; DEALLOCATE ALL");
}

TEST_CASE("a late BEGIN READ ONLY makes no server change its role") {
  pool_fixture f{2, 0};
  auto c1 = f.lease(1);
  auto c2 = f.lease(2);
  f.release(c2);
  f.run();
  f.server.answers = false;
  f.begin(c1, true, f.now + 1s);
  f.advance(1s);
  f.server.running("BEGIN READ ONLY").succeed();
  f.run();
  // Nothing is sent into a transaction that its owner takes for not begun.
  auto insert = f.on_lease_execute(c1, "INSERT 1");
  CHECK(f[insert].sqlstate() == "25P02");
  CHECK(f.counter("role_change") == 0);
  CHECK(f->stats().idle == 1);
}

TEST_CASE("a session that its user has made read-only makes no server change its role") {
  pool_fixture f{2, 0};
  auto c1 = f.lease(1);
  auto c2 = f.lease(2);
  f.release(c2);
  f.on_lease_execute(c1, "SET default_transaction_read_only = on");
  f.run();
  f.server.answers = false;
  f.on_lease_execute(c1, "INSERT 1");
  f.server.running("INSERT 1").fail_with(pool_fixture::sql_error("25006"));
  CHECK(f.counter("role_change") == 0);
  // It may have changed all the same: this connection is not kept.
  f.server.answers = true;
  f.release(c1);
  f.run();
  CHECK(f.server.connections.size() == 1);
}

TEST_CASE("a statement that one connection has lost is prepared anew there alone") {
  pool_fixture f{2, 0};
  auto other = f.lease(9);
  f.server.answers = false;
  auto select = f.execute("SELECT * FROM t");
  f.run();
  auto& conn = f.server.running("SELECT * FROM t");
  conn.fail_with(pool_fixture::sql_error("26000", "prepared statement \"dbs_1\" does not exist",
                                         {{"lost_statement", "dbs_1"}}));
  CHECK(conn.forgotten == 1);
  conn.succeed();
  CHECK(f[select].code == errc::none);
  f.server.answers = true;
  f.on_lease_execute(other, "SELECT 1");
  f.run();
  CHECK(f.server.with_pid(1).forgotten == 0);
}

TEST_CASE("an EXECUTE of a statement that does not exist runs once") {
  pool_fixture f{1, 0};
  f.server.answers = false;
  auto bad = f.execute("EXECUTE nosuch");
  f.run();
  f.server.connections[0]->fail_with(
      pool_fixture::sql_error("26000", "prepared statement \"nosuch\" does not exist"));
  CHECK(f[bad].sqlstate() == "26000");
  CHECK(f.server.connections[0]->forgotten == 0);
}
