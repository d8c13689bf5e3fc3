// Behind a real PgBouncer that lends sessions for a transaction at a time.
#include "integration/actors/postgres_pool/pool_fixture.hpp"
#include "integration/error_field.hpp"

#include "dbs/testing/servers/private_pgbouncer.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <atomic>
#include <thread>
#include <vector>

using namespace dbs;
using namespace dbs::tests;
using Catch::Matchers::ContainsSubstring;

namespace {

struct pooler_fixture : pool_fixture {
  explicit pooler_fixture(testing::private_pgbouncer_options options = {})
      : pooler(server, std::move(options)) {
    settings.target.hosts = {{"127.0.0.1", pooler.port()}};
    settings.transaction_pooler = true;
  }

  testing::private_pgbouncer pooler;
};

bool is_refused(const caf::expected<pg_result>& result) {
  return !result && result.error() == errc::invalid_argument;
}

} // namespace

TEST_CASE_METHOD(pooler_fixture, "many connections to a pooler share the server's few") {
  settings.pool_size = 8;
  start();
  REQUIRE(database().execute("create table t (x int, y text)"));
  std::atomic<int> wrong = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i)
    threads.emplace_back([this, i, &wrong] {
      auto db = client().within(20s).sync(system);
      for (int round = 0; round < 100; ++round) {
        auto text = std::to_string(i) + "/" + std::to_string(round);
        auto written = db.execute("insert into t values ($1, $2)", i, text);
        auto read = db.execute("select y from t where x = $1 and y = $2", i, text);
        if (!written || !read || read->rows() != 1 || read->row(0).get<std::string>(0) != text)
          ++wrong;
      }
    });
  for (auto& thread : threads)
    thread.join();
  CHECK(wrong == 0);
  CHECK(server.psql("select count(*) from t") == "800");
  auto sessions = "select count(*) from pg_stat_activity where usename is not null and "
                  "backend_type = 'client backend' and pid <> pg_backend_pid()";
  CHECK(std::stoi(server.psql(sessions)) <= 2);
}

TEST_CASE_METHOD(pooler_fixture, "a transaction has a session of the server's to itself") {
  start();
  auto pid = "select pg_backend_pid()";
  auto first = database().checkout();
  auto second = database().checkout();
  REQUIRE(first);
  REQUIRE(second);
  REQUIRE(first->begin());
  REQUIRE(second->begin());
  auto mine = first->execute(pid)->row(0).get<int32_t>(0);
  auto other = second->execute(pid)->row(0).get<int32_t>(0);
  CHECK(mine != other);
  for (int i = 0; i < 20; ++i) {
    CHECK(first->execute(pid)->row(0).get<int32_t>(0) == mine);
    CHECK(second->execute(pid)->row(0).get<int32_t>(0) == other);
  }
  REQUIRE(second->commit());
  CHECK(first->execute("set local work_mem = '1MB'"));
  CHECK(first->execute("declare c cursor for select 1"));
  CHECK(first->execute("fetch c"));
  REQUIRE(first->commit());
}

TEST_CASE_METHOD(pooler_fixture, "a session that is dropped behind a pooler is rolled back") {
  start();
  REQUIRE(database().execute("create table t (x int)"));
  {
    auto session = database().checkout();
    REQUIRE(session);
    REQUIRE(session->begin());
    REQUIRE(session->execute("insert into t values (1)"));
  }
  CHECK(testing::eventually([this] { return stats().leases == 0 && stats().idle == 1; }));
  CHECK(server.psql("select count(*) from t") == "0");
  // nobody who gets that session of the server's next finds himself in a transaction
  CHECK(server.psql("select count(*) from pg_stat_activity where state like '%in transaction%'") ==
        "0");
}

TEST_CASE_METHOD(pooler_fixture, "what would stay in a pooler's session is refused unsent") {
  start();
  REQUIRE(database().execute("create table t (x int)"));
  for (auto sql : {"set work_mem = '1MB'", "listen news", "create temp table u (x int)",
                   "prepare p as select 1", "select pg_advisory_lock(1)", "discard all",
                   "declare c cursor with hold for select 1",
                   "do $$ begin perform set_config('work_mem', '1MB', false); end $$"}) {
    INFO(sql);
    CHECK(is_refused(database().execute(sql)));
  }
  auto session = database().checkout();
  REQUIRE(session);
  CHECK(is_refused(session->execute("set work_mem = '1MB'")));
  auto batch = session->execute_batch(
      {make_statement("insert into t values (1)"), make_statement("set work_mem = '1MB'")});
  REQUIRE(!batch);
  CHECK(batch.error() == errc::invalid_argument);
  CHECK(field_of(batch.error(), "statement") == "1");
  CHECK_THAT(detail(batch.error()).what, ContainsSubstring("database.transaction_pooler"));
  CHECK(server.psql("select count(*) from t") == "0");
  // and what looks like it, but is not
  CHECK(database().execute("do $$ begin perform 1; end $$"));
  CHECK(database().execute("select pg_try_advisory_xact_lock(1)"));
}

TEST_CASE_METHOD(pooler_fixture, "a batch behind a pooler happens as a whole or not at all") {
  start();
  REQUIRE(database().execute("create table t (x int primary key)"));
  auto session = database().checkout();
  REQUIRE(session);
  auto results = session->execute_batch({make_statement("insert into t values ($1)", 1),
                                         make_statement("insert into t values ($1)", 2),
                                         make_statement("select count(*) from t")});
  REQUIRE(results);
  CHECK(results->at(2).row(0).get<int64_t>(0) == 2);
  CHECK(!session->execute_batch({make_statement("insert into t values ($1)", 3),
                                 make_statement("insert into t values ($1)", 1)}));
  CHECK(server.psql("select count(*) from t") == "2");
}

TEST_CASE_METHOD(pooler_fixture, "streams and COPY pass through a pooler") {
  settings.pool_size = 1;
  start();
  REQUIRE(database().execute("create table t (x int)"));
  auto session = database().checkout();
  REQUIRE(session);
  REQUIRE(session->copy_in("copy t from stdin"));
  REQUIRE(session->write(blob{"1\n2\n3\n"}));
  REQUIRE(session->finish());
  auto chunk = session->stream(make_statement("select sum(x) from t"));
  REQUIRE(chunk);
  CHECK(chunk->rows.row(0).get<int64_t>(0) == 6);
  // and one that is given up in the middle is over at the server, too
  REQUIRE(session->stream(make_statement("select generate_series(1, 100000000)")));
  REQUIRE(session->stop());
  CHECK(session->execute("select 1"));
  auto refused = session->stream(make_statement("set work_mem = '1MB'"));
  REQUIRE(!refused);
  CHECK(refused.error() == errc::invalid_argument);
  CHECK(testing::eventually([this] {
    return server.psql("select count(*) from pg_stat_activity where state = 'active' and query "
                       "like '%100000000%' and pid <> pg_backend_pid()") == "0";
  }));
}

TEST_CASE_METHOD(pooler_fixture, "a cancel through a pooler ends its own statement only") {
  settings.statement_timeout = 50ms;
  settings.pool_size = 2;
  start();
  std::atomic<bool> stop = false;
  std::atomic<int> wrong = 0;
  std::thread neighbour{[&] {
    auto db = client().within(20s).sync(system);
    while (!stop) {
      auto one = db.execute("select 1");
      // Its own 50 ms can pass while the machine does something else; a cancel that was
      // meant for another one would be an error of the server's.
      wrong += one || one.error() == errc::deadline_exceeded ? 0 : 1;
    }
  }};
  auto ended_late = 0;
  for (int round = 0; round < 50; ++round) {
    auto result = database().execute("select pg_sleep(10)");
    if (!result && result.error() == errc::deadline_exceeded)
      ++ended_late;
  }
  stop = true;
  neighbour.join();
  CHECK(ended_late == 50);
  CHECK(wrong == 0);
  auto sleeping = "select count(*) from pg_stat_activity where state = 'active' and "
                  "query like '%pg_sleep(10)%' and pid <> pg_backend_pid()";
  CHECK(testing::eventually([&] { return server.psql(sleeping) == "0"; }));
}

TEST_CASE_METHOD(pooler_fixture, "a pooler that is killed is met again when it is back") {
  start();
  REQUIRE(database().execute("create table t (x int)"));
  auto session = database().checkout();
  REQUIRE(session);
  REQUIRE(session->begin());
  REQUIRE(session->execute("insert into t values (1)"));
  pooler.kill();
  auto committed = session->commit();
  REQUIRE(!committed);
  CHECK((committed.error() == errc::connection_lost || committed.error() == errc::in_doubt));
  pooler.start();
  CHECK(testing::eventually([this] { return static_cast<bool>(database().execute("select 1")); }));
  CHECK(server.psql("select count(*) from t") == "0");
}

TEST_CASE_METHOD(pooler_fixture, "a pooler whose sessions write values otherwise is refused") {
  auto [setting, value] = GENERATE(table<std::string, std::string>(
      {{"DateStyle", "'SQL, DMY'"}, {"IntervalStyle", "postgres_verbose"}}));
  server.psql("alter role " + server.options().superuser + " set " + setting + " = " + value);
  pool = spawn_postgres_pool(loop, {"postgres_pool",
                                    settings,
                                    std::make_shared<observe::registry>(),
                                    testing::make_silent_logger(),
                                    {}});
  caf::scoped_actor self{system};
  std::string problem;
  self->request(pool, 30s, start_atom_v, call_context{})
      .receive([] {}, [&](const caf::error& reason) { problem = describe(reason); });
  CHECK_THAT(problem, ContainsSubstring("do not have " + setting));
}
