// Callers who share connections, on a real server.
#include "integration/actors/postgres_pool/pool_fixture.hpp"

#include <catch2/catch_test_macros.hpp>

#include <atomic>
#include <mutex>
#include <vector>

using namespace dbs;
using namespace dbs::tests;

namespace {

struct shared_fixture : pool_fixture {
  explicit shared_fixture(uint32_t size = 1) {
    settings.pool_size = size;
    settings.max_waiting = 1000;
    start();
  }

  using outcome = caf::expected<pg_result>;

  /// Statements of as many callers, all asked at once; their answers in the order of the
  /// statements. `meanwhile` runs when all have been sent.
  template <class F>
  std::vector<outcome> ask_all(const std::vector<pg_statement>& statements, F meanwhile,
                               caf::timespan timeout = 20s) {
    std::vector<outcome> answers(statements.size(), fail(errc::none, "no answer"));
    std::atomic<size_t> left{statements.size()};
    for (size_t i = 0; i < statements.size(); ++i)
      system.spawn([&, i, db = client().sharing().within(timeout)](caf::event_based_actor* self) {
        auto take = [&answers, &left, i](outcome x) {
          answers[i] = std::move(x);
          --left;
        };
        db.run(self, statements[i])
            .then([take](const pg_result& rows) { take(rows); },
                  [take](const caf::error& why) { take(why); });
      });
    meanwhile();
    REQUIRE(testing::eventually([&left] { return left == 0; }, 30s));
    return answers;
  }

  std::vector<outcome> ask_all(const std::vector<pg_statement>& statements) {
    return ask_all(statements, [] {});
  }

  void until_asleep(int how_many = 1) {
    REQUIRE(testing::eventually([&] {
      return server.psql("select count(*) from pg_stat_activity where wait_event = 'PgSleep'") ==
             std::to_string(how_many);
    }));
  }

  std::string terminate() {
    return server.psql("select count(pg_terminate_backend(pid)) from pg_stat_activity where "
                       "application_name = 'dbs'");
  }
};

int32_t number(const caf::expected<pg_result>& answer) {
  INFO(describe(answer ? caf::error{} : answer.error()));
  REQUIRE(answer);
  return answer->row(0).get<int32_t>(0).value();
}

} // namespace

TEST_CASE_METHOD(shared_fixture, "many callers share one connection, and each has its answer") {
  std::vector<pg_statement> statements;
  for (int i = 0; i < 200; ++i)
    statements.push_back(make_statement("select $1::int, pg_backend_pid()", i));
  auto answers = ask_all(statements);
  for (int i = 0; i < 200; ++i)
    CHECK(number(answers[static_cast<size_t>(i)]) == i);
  CHECK(counter("shared") == 200);
  CHECK(server_connections() == 1);
}

TEST_CASE_METHOD(shared_fixture, "one bad statement among many is nothing to the others") {
  REQUIRE(database().execute("create table t (x int primary key)"));
  std::vector<pg_statement> statements;
  for (int i = 0; i < 60; ++i)
    statements.push_back(i % 6 == 1   ? make_statement("select nonsense" + std::to_string(i))
                         : i % 6 == 3 ? make_statement("select 1 / $1::int", 0)
                         : i % 6 == 5 ? make_statement("insert into t values (0), (0)")
                                      : make_statement("insert into t values ($1)", i));
  auto answers = ask_all(statements);
  for (size_t i = 0; i < 60; ++i) {
    CAPTURE(i);
    if (i % 2 == 0)
      CHECK(answers[i]);
    else
      CHECK(detail(answers[i].error()).sqlstate == (i % 6 == 1   ? "42703"
                                                    : i % 6 == 3 ? "22012"
                                                                 : "23505"));
  }
  CHECK(server.psql("select count(*) from t") == "30");
}

TEST_CASE_METHOD(shared_fixture, "a backend killed in the middle of a pipeline: all are answered") {
  REQUIRE(database().execute("create table t (x int)"));
  std::vector<pg_statement> statements{make_statement("select pg_sleep(60)")};
  for (int i = 1; i < 20; ++i)
    statements.push_back(make_statement("insert into t values ($1)", i));
  auto answers = ask_all(statements, [this] {
    until_asleep();
    CHECK(terminate() == "1");
  });
  CHECK(answers[0].error() == errc::in_doubt);
  // What came before the sleep has happened, and what came behind has not.
  auto happened = 0;
  for (auto& x : answers)
    if (x)
      ++happened;
    else
      CHECK(x.error() == errc::in_doubt);
  CHECK(server.psql("select count(*) from t") == std::to_string(happened));
  CHECK(value<int>("select 1") == 1);
}

TEST_CASE_METHOD(shared_fixture, "what waits for a place when the connection dies runs elsewhere") {
  std::vector<pg_statement> statements(32, make_statement("select pg_sleep(60)"));
  statements.resize(64, make_statement("select 1"));
  auto answers = ask_all(statements, [this] {
    REQUIRE(testing::eventually([this] { return counter("shared") > 0 && stats().waiting > 0; }));
    until_asleep();
    // Each time the first of the sleepers wakes up for good.
    REQUIRE(testing::eventually([this] {
      terminate();
      return stats().active_connections == 0 && stats().waiting == 0;
    }));
  });
  for (size_t i = 0; i < answers.size(); ++i) {
    CAPTURE(i);
    if (answers[i])
      CHECK(i >= 32);
    else
      CHECK(answers[i].error() == errc::in_doubt);
  }
}

TEST_CASE_METHOD(shared_fixture, "a changed schema under cached plans is nobody's error") {
  server.psql("create table t (x int); insert into t values (1)");
  auto read = make_statement("select * from t");
  ask_all({read});
  for (int columns = 2; columns < 6; ++columns) {
    server.psql("alter table t add y" + std::to_string(columns) + " int");
    for (auto& x : ask_all(std::vector<pg_statement>(40, read))) {
      INFO(describe(x ? caf::error{} : x.error()));
      REQUIRE(x);
      CHECK(x->columns() == static_cast<size_t>(columns));
    }
  }
  CHECK(counter("stale_plan") > 0);
}

TEST_CASE_METHOD(shared_fixture, "statements that the server has dropped are prepared anew") {
  auto read = make_statement("select $1::int", 7);
  ask_all({read});
  REQUIRE(database().run({"do $$ begin execute 'deallocate all'; end $$", {}, false}));
  for (auto& x : ask_all(std::vector<pg_statement>(20, read)))
    CHECK(number(x) == 7);
}

TEST_CASE("a slow statement shares no connection with quick ones") {
  shared_fixture f{3};
  // It is not known yet that it is slow: whoever is behind it waits.
  f.ask_all({make_statement("select 1 from pg_sleep(0.2)")});
  auto started = std::chrono::steady_clock::now();
  std::vector<pg_statement> statements{make_statement("select 1 from pg_sleep(0.2)")};
  std::atomic<bool> slept{false};
  f.ask_all(statements, [&] {
    f.until_asleep();
    for (int i = 0; i < 50; ++i)
      CHECK(number(f.client().sharing().sync(f.system).execute("select $1::int", i)) == i);
    slept = std::chrono::steady_clock::now() - started < 200ms;
  });
  CHECK(slept);
  CHECK(f.counter("shared_slow") == 1);
}

TEST_CASE_METHOD(shared_fixture, "a late statement is cancelled, and nobody else") {
  REQUIRE(database().execute("create table t (x int)"));
  for (int round = 0; round < 20; ++round) {
    std::vector<caf::error> errors;
    std::mutex mutex;
    std::atomic<int> left{9};
    // One that ends at about the time of its deadline, so that its cancel comes late.
    auto ask = [&](pg_statement statement, caf::timespan timeout) {
      system.spawn(
          [&, statement, db = client().sharing().within(timeout)](caf::event_based_actor* self) {
            db.run(self, statement)
                .then([&left](const pg_result&) { --left; },
                      [&](const caf::error& why) {
                        std::lock_guard guard{mutex};
                        errors.push_back(why);
                        --left;
                      });
          });
    };
    ask(make_statement("select pg_sleep(0.005)"), 5ms);
    for (int i = 0; i < 8; ++i)
      ask(make_statement("insert into t select 1 from pg_sleep(0.001)"), 20s);
    REQUIRE(testing::eventually([&left] { return left == 0; }));
    for (auto& x : errors)
      CHECK(x == errc::deadline_exceeded);
    CHECK(errors.size() <= 1);
  }
  CHECK(server.psql("select count(*) from t") == "160");
}

TEST_CASE_METHOD(shared_fixture, "a connection that was shared is as good as any other") {
  ask_all(std::vector<pg_statement>(40, make_statement("select 1")));
  auto session = database().checkout();
  REQUIRE(session);
  REQUIRE(session->begin());
  REQUIRE(session->execute("create table t (x int)"));
  REQUIRE(session->commit());
  session->release();
  CHECK(number(ask_all({make_statement("select count(*)::int from t")})[0]) == 0);
  CHECK(server_connections() == 1);
}
