// What the pool once did wrong with a real server.
#include "integration/actors/postgres_pool/pool_fixture.hpp"

#include "integration/runtime/postgres/connection_scene.hpp"

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <string>

using namespace dbs;
using namespace dbs::tests;

namespace {

int64_t backend_of(pool_fixture& f) {
  return f.value<int32_t>("select pg_backend_pid()");
}

} // namespace

TEST_CASE_METHOD(pool_fixture, "an error of class 08 or 57P01 costs nobody a connection") {
  settings.pool_size = 1;
  start();
  auto backend = backend_of(*this);
  // PostgreSQL answers 08P01 to a wrong number of parameters.
  auto wrong = database().execute("select $1::int + $2::int", 1);
  REQUIRE(!wrong);
  CHECK(wrong.error() == errc::query_failed);
  CHECK(detail(wrong.error()).sqlstate == "08P01");
  auto raised =
      database().execute("do $$ begin raise exception 'x' using errcode = '57P01'; end $$");
  REQUIRE(!raised);
  CHECK(detail(raised.error()).sqlstate == "57P01");
  CHECK(backend_of(*this) == backend);
  {
    auto session = database().checkout();
    REQUIRE(session);
    REQUIRE(!session->execute("select $1::int + $2::int", 1));
    CHECK(session->execute("select 1"));
  }
  CHECK(counter("lost") == 0);
}

TEST_CASE_METHOD(pool_fixture, "what was queued behind a COPY was certainly not sent") {
  start();
  REQUIRE(database().execute("create table t (x int)"));
  auto session = database().checkout();
  REQUIRE(session);
  caf::scoped_actor self{system};
  auto copy = self->request(pool, 30s, execute_atom_v, call_context{},
                            pg_lease_statement{session->lease(), {"copy t to stdout", {}, true}});
  auto insert =
      self->request(pool, 30s, execute_atom_v, call_context{},
                    pg_lease_statement{session->lease(), {"insert into t values (1)", {}, true}});
  std::move(copy).receive([](const pg_result&) { FAIL("COPY is not supported"); },
                          [](const caf::error& e) { CHECK(e == errc::invalid_argument); });
  std::move(insert).receive([](const pg_result&) { FAIL("the connection is gone"); },
                            [](const caf::error& e) { CHECK(e == errc::connection_lost); });
}

TEST_CASE_METHOD(pool_fixture, "a write whose deadline passed is in doubt, a read is not") {
  start();
  REQUIRE(database().execute("create table t (x int)"));
  auto impatient = client().within(100ms).sync(system);
  auto write = impatient.execute("insert into t select 1 from pg_sleep(30)");
  REQUIRE(!write);
  CHECK(write.error() == errc::in_doubt);
  auto read = impatient.execute("select pg_sleep(30)");
  REQUIRE(!read);
  CHECK(read.error() == errc::deadline_exceeded);
}

TEST_CASE_METHOD(pool_fixture,
                 "a typed COMMIT does not hide that the transaction was rolled back") {
  start();
  auto session = database().checkout();
  REQUIRE(session);
  REQUIRE(session->begin());
  REQUIRE(!session->execute("select 1 / 0"));
  auto commit = session->execute("commit");
  REQUIRE(!commit);
  CHECK(detail(commit.error()).sqlstate == "25P02");
}

TEST_CASE_METHOD(pool_fixture, "a statement that a session has prepared is gone for the next one") {
  settings.pool_size = 1;
  start();
  CHECK(value<int32_t>("select 41 + 1") == 42); // prepared by the pool itself
  {
    auto session = database().checkout();
    REQUIRE(session);
    REQUIRE(session->execute("prepare mine as select 1"));
  }
  CHECK(value<int64_t>("select count(*) from pg_prepared_statements where name = 'mine'") == 0);
  CHECK(value<int32_t>("select 41 + 1") == 42);
}

TEST_CASE_METHOD(pool_fixture,
                 "a paused server keeps nobody beyond the statement timeout, deadline or not") {
  settings.statement_timeout = 200ms;
  start();
  auto patient = client().sync(system);
  auto session = patient.checkout();
  REQUIRE(session);
  server.pause();
  auto begin = std::chrono::steady_clock::now();
  auto read = session->execute("select 1");
  REQUIRE(!read);
  CHECK(read.error() == errc::deadline_exceeded);
  CHECK(std::chrono::steady_clock::now() - begin < 10s);
  server.resume();
}

TEST_CASE_METHOD(pool_fixture, "the defaults of a database do not disturb the decoding of values") {
  server.psql("alter database " + server.options().database + " set datestyle = 'German'");
  server.psql("alter database " + server.options().database + " set bytea_output = 'escape'");
  server.psql("alter database " + server.options().database + " set extra_float_digits = -5");
  start();
  std::chrono::system_clock::time_point moment{1ms};
  auto rows = database().execute("select $1::timestamptz, $2::bytea, $3::float8", moment,
                                 blob{"\x01\xff"}, 0.1 + 0.2);
  INFO((rows ? "" : describe(rows.error())));
  REQUIRE(rows);
  CHECK(rows->row(0).get<std::chrono::system_clock::time_point>(0) == moment);
  CHECK(rows->row(0).get<blob>(1) == blob{"\x01\xff"});
  CHECK(rows->row(0).get<double>(2) == 0.1 + 0.2);
}

TEST_CASE_METHOD(pool_fixture, "an EXECUTE of a statement that does not exist disturbs nobody") {
  start();
  auto bad = database().execute("execute nosuch");
  REQUIRE(!bad);
  CHECK(detail(bad.error()).sqlstate == "26000");
  CHECK(counter("stale_plan") == 0);
}

TEST_CASE_METHOD(pool_fixture,
                 "a statement of ours that a function has dropped is prepared anew, and so is one "
                 "whose name is taken") {
  settings.pool_size = 1;
  start();
  CHECK(value<int32_t>("select 41 + 1") == 42);
  REQUIRE(database().execute("do $$ begin execute 'deallocate all'; end $$"));
  CHECK(value<int32_t>("select 41 + 1") == 42);
  CHECK(counter("stale_plan") == 1);
  auto session = database().checkout();
  REQUIRE(session);
  // The names that follow are in the user's hands.
  auto last = session->execute("select max(substr(name, 5)::int) from pg_prepared_statements");
  REQUIRE(last);
  auto next = last->row(0).get<int32_t>(0).value() + 2;
  REQUIRE(session->run({"prepare dbs_" + std::to_string(next) + " as select 1", {}, false}));
  CHECK(session->execute("select 'new'")->row(0).text(0) == "new");
  CHECK(session->execute("select 'newer'")->row(0).text(0) == "newer");
}

TEST_CASE_METHOD(pool_fixture, "a pool in full use is degraded, and never called unhealthy") {
  settings.pool_size = 1;
  start();
  caf::scoped_actor self{system};
  auto status = [&] {
    auto result = health_status::unhealthy;
    self->request(pool, 10s, health_atom_v, call_context{})
        .receive([&](const health_report& report) { result = report.status; },
                 [](const caf::error& reason) { FAIL(describe(reason)); });
    return result;
  };
  CHECK(status() == health_status::healthy);
  auto session = database().checkout();
  REQUIRE(session);
  CHECK(testing::eventually([&] {
    auto now = status();
    REQUIRE(now != health_status::unhealthy);
    return now == health_status::degraded;
  }));
  session->release();
  CHECK(testing::eventually([&] { return status() == health_status::healthy; }));
}

TEST_CASE("a text of more than 16 KiB runs unprepared") {
  testing::private_postgres server;
  testing::connection_loop loop;
  testing::observed_connection conn{loop, testing::settings_for(server)};
  conn.open();
  auto padding = [](size_t size) { return "select 1 --" + std::string(size - 11, 'x'); };
  CHECK(conn.value(padding(16 * 1024)) == "1");
  CHECK(conn.value(padding(16 * 1024 + 1)) == "1");
  auto prepared = conn.run_unprepared("select count(*) from pg_prepared_statements");
  REQUIRE(prepared);
  CHECK(prepared->row(0).text(0) == "1");
}

TEST_CASE("a schema that changes all the time costs a long transaction no memory") {
  testing::private_postgres server;
  testing::connection_loop loop;
  testing::observed_connection conn{loop, testing::settings_for(server)};
  conn.open();
  REQUIRE(conn.command("BEGIN"));
  for (int i = 0; i < 200; ++i) {
    conn->forget_statements(); // as the pool does when another session met a stale plan
    CHECK(conn.value("select 1") == "1");
  }
  auto prepared = conn.run_unprepared("select count(*) from pg_prepared_statements");
  REQUIRE(prepared);
  CHECK(std::stoi(std::string{prepared->row(0).text(0)}) <= 33);
}

TEST_CASE("a server that has lost its client ends what it runs, and a cancel is sent along") {
  testing::private_postgres server;
  testing::connection_loop loop;
  testing::observed_connection conn{loop, testing::settings_for(server)};
  conn.open();
  auto pid = std::to_string(conn->backend_pid());
  SECTION("a statement that can be cancelled ends at once") {
    conn.send({"select pg_sleep(60)", {}});
  }
  SECTION("one that shrugs off the cancel ends when its server looks after us") {
    conn.send({"do $$ begin loop begin perform pg_sleep(60); exception when query_canceled then "
               "null; end; end loop; end $$",
               {}});
  }
  REQUIRE(testing::eventually([&] {
    return server.psql("select count(*) from pg_stat_activity where wait_event = 'PgSleep'") == "1";
  }));
  conn.destroy();
  CHECK(testing::eventually([&] {
    return server.psql("select count(*) from pg_stat_activity where pid = " + pid) == "0";
  }));
}
