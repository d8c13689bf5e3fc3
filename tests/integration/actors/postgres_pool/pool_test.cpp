#include "integration/actors/postgres_pool/pool_fixture.hpp"

#include <catch2/catch_get_random_seed.hpp>
#include <catch2/catch_test_macros.hpp>

#include <atomic>
#include <future>
#include <optional>
#include <random>

using namespace dbs;
using namespace dbs::tests;

TEST_CASE_METHOD(pool_fixture, "the pool runs single statements with parameters") {
  start();
  CHECK(value<int32_t>("select $1::int + 1", 41) == 42);
  CHECK(value<std::string>("select upper($1)", "hello") == "HELLO");
  CHECK(value<std::vector<int32_t>>("select array_agg(x * 2) from unnest($1::int[]) x",
                                    std::vector<int32_t>{1, 2, 3}) ==
        std::vector<int32_t>{2, 4, 6});
  CHECK(value<std::optional<int32_t>>("select $1::int", std::optional<int32_t>{}) == std::nullopt);
}

TEST_CASE_METHOD(pool_fixture, "a refused statement answers query_failed with its SQLSTATE") {
  start();
  auto result = database().execute("select * from missing");
  REQUIRE(!result);
  CHECK(result.error() == errc::query_failed);
  CHECK(detail(result.error()).sqlstate == "42P01");
  // and the connection is fine
  CHECK(value<int32_t>("select 1") == 1);
}

TEST_CASE_METHOD(pool_fixture, "a transaction commits, and one that is dropped rolls back") {
  start();
  REQUIRE(database().execute("create table t (x int)"));
  {
    auto session = database().checkout();
    REQUIRE(session);
    REQUIRE(session->begin());
    REQUIRE(session->execute("insert into t values (1)"));
    REQUIRE(session->commit());
    REQUIRE(session->begin());
    REQUIRE(session->execute("insert into t values (2)"));
    // the session is dropped with the transaction open
  }
  REQUIRE(testing::eventually([&] { return stats().leases == 0; }));
  CHECK(server.psql("select string_agg(x::text, ',') from t") == "1");
}

TEST_CASE_METHOD(pool_fixture, "a session whose owner dies is rolled back and taken back") {
  start();
  REQUIRE(database().execute("create table t (x int)"));
  auto owner = system.spawn([db = client()](caf::event_based_actor* self) {
    db.checkout(self).then(
        [=](pg_session session) {
          auto held = std::make_shared<pg_session>(std::move(session));
          held->begin(self).then([] {}, [](const caf::error&) {});
          held->execute(self, "insert into t values (1)")
              .then([](const pg_result&) {}, [](const caf::error&) {});
          // Keeps the session and the actor.
          self->become([held](int) {});
        },
        [](const caf::error&) {});
  });
  REQUIRE(testing::eventually([&] {
    auto holders = database().holders();
    return holders && holders->size() == 1 && holders->front().in_transaction;
  }));
  caf::anon_send_exit(owner, caf::exit_reason::kill);
  owner = nullptr;
  REQUIRE(testing::eventually([&] { return stats().leases == 0; }));
  REQUIRE(testing::eventually([&] { return stats().idle == 1; }));
  CHECK(server.psql("select count(*) from t") == "0");
}

TEST_CASE_METHOD(pool_fixture,
                 "savepoints, isolation and read-only transactions reach the server") {
  start();
  REQUIRE(database().execute("create table t (x int)"));
  auto session = database().checkout();
  REQUIRE(session);
  REQUIRE(session->begin(pg_isolation::serializable));
  CHECK(session->execute("show transaction_isolation")->row(0).text(0) == "serializable");
  REQUIRE(session->execute("insert into t values (1)"));
  REQUIRE(session->savepoint("before \"two\""));
  REQUIRE(!session->execute("insert into missing values (2)"));
  REQUIRE(session->savepoint("before \"two\"", pg_savepoint_action::rollback_to));
  REQUIRE(session->commit());
  CHECK(server.psql("select count(*) from t") == "1");
  REQUIRE(session->begin(pg_isolation::server_default, true));
  auto refused = session->execute("insert into t values (3)");
  REQUIRE(!refused);
  CHECK(detail(refused.error()).sqlstate == "25006");
  REQUIRE(session->rollback());
}

TEST_CASE_METHOD(pool_fixture, "a commit of a failed transaction is an error") {
  start();
  auto session = database().checkout();
  REQUIRE(session);
  REQUIRE(session->begin());
  REQUIRE(!session->execute("select 1 / 0"));
  auto committed = session->commit();
  REQUIRE(!committed);
  CHECK(committed.error() == errc::query_failed);
}

TEST_CASE_METHOD(pool_fixture, "a released session is refused, and releasing twice is harmless") {
  start();
  auto session = database().checkout();
  REQUIRE(session);
  auto lease = session->lease();
  session->release();
  caf::scoped_actor self{system};
  self->request(pool, 10s, release_atom_v, call_context{}, lease)
      .receive([] {}, [](const caf::error& e) { FAIL(describe(e)); });
  self->request(pool, 10s, commit_atom_v, call_context{}, lease)
      .receive([] { FAIL("the lease is gone"); },
               [](const caf::error& e) { CHECK(e == errc::invalid_argument); });
}

TEST_CASE_METHOD(pool_fixture,
                 "pool_exhausted_error: exhaustion is a distinct error with numbers") {
  settings.pool_size = 1;
  settings.acquire_timeout = 100ms;
  start();
  auto held = database().checkout();
  REQUIRE(held);
  auto other = client().sync(system);
  auto result = other.execute("select 1");
  REQUIRE(!result);
  CHECK(result.error() == errc::pool_exhausted);
  std::string names;
  for (auto& x : detail(result.error()).fields)
    names += x.name + " ";
  INFO(names);
  CHECK(names.find("size") != std::string::npos);
  CHECK(names.find("waiting") != std::string::npos);
}

TEST_CASE_METHOD(pool_fixture,
                 "never more than size and overflow connections, as the server counts") {
  settings.pool_size = 2;
  settings.max_overflow = 2;
  start();
  std::atomic<int> answered{0};
  for (int i = 0; i < 40; ++i)
    system.spawn([db = client(), &answered](caf::event_based_actor* self) {
      db.execute(self, "select pg_sleep(0.02)")
          .then([&answered](const pg_result&) { ++answered; },
                [](const caf::error& e) { throw std::runtime_error(describe(e)); });
    });
  int most = 0;
  REQUIRE(testing::eventually(
      [&] {
        most = std::max(most, server_connections());
        return answered == 40;
      },
      30s));
  CHECK(most <= 4);
  CHECK(most > 2);
  // the overflow is closed when it comes back
  REQUIRE(testing::eventually([&] { return server_connections() <= 2; }));
}

TEST_CASE_METHOD(pool_fixture,
                 "a statement that runs past its deadline is cancelled on the server") {
  start();
  auto impatient = client().within(200ms).sync(system);
  auto result = impatient.execute("select pg_sleep(30)");
  REQUIRE(!result);
  CHECK(result.error() == errc::deadline_exceeded);
  REQUIRE(testing::eventually([&] {
    return server.psql("select count(*) from pg_stat_activity where state = 'active' and "
                       "query like 'select pg_sleep%'") == "0";
  }));
  REQUIRE(testing::eventually([&] { return stats().quarantined == 0; }));
  CHECK(value<int32_t>("select 1") == 1);
}

TEST_CASE_METHOD(pool_fixture, "a late cancel never hits a neighbour") {
  // One connection, so that the neighbour runs where the cancelled statement ran.
  settings.pool_size = 1;
  start();
  auto impatient = client().within(2ms).sync(system);
  auto neighbour = client().sync(system);
  std::minstd_rand random{Catch::getSeed()};
  for (int round = 0; counter("cancel") < 1000; ++round) {
    INFO("round " << round << " with --rng-seed " << Catch::getSeed());
    REQUIRE(round < 20'000);
    // Ends at about the time at which its deadline passes: some cancels come too late.
    auto first = impatient.execute("select pg_sleep($1::int / 1e6)", 1000 + random() % 2500);
    if (!first)
      CHECK(first.error() == errc::deadline_exceeded);
    // Long enough to be hit by a cancel that is still on its way.
    auto second = neighbour.execute("select $1::int from pg_sleep(0.003)", round);
    INFO((second ? "" : describe(second.error())));
    REQUIRE(second);
    REQUIRE(second->row(0).get<int32_t>(0) == round);
  }
  CHECK(counter("quarantine_timeout") == 0);
  CHECK(counter("connected") == 1);
}

TEST_CASE_METHOD(pool_fixture, "the server's statement_timeout reaches the caller as it says") {
  settings.pool_size = 1;
  settings.statement_timeout = 50ms;
  start();
  auto pid = value<int32_t>("select pg_backend_pid()");
  auto refused = [](const caf::expected<pg_result>& result) {
    return !result && result.error() == errc::query_failed &&
           detail(result.error()).sqlstate == "57014";
  };
  CHECK(refused(database().execute("select pg_sleep(30)")));
  // and the connection is as good as before, on a lease as well
  CHECK(value<int32_t>("select pg_backend_pid()") == pid);
  auto session = database().checkout();
  REQUIRE(session);
  REQUIRE(session->begin());
  CHECK(refused(session->execute("select pg_sleep(30)")));
  REQUIRE(session->rollback());
  CHECK(session->execute("select pg_backend_pid()")->row(0).get<int32_t>(0) == pid);
  CHECK(counter("cancel") == 0);
}

TEST_CASE_METHOD(pool_fixture, "what a session leaves behind is reset before the next user") {
  settings.pool_size = 1;
  start();
  {
    auto session = database().checkout();
    REQUIRE(session);
    REQUIRE(session->execute("set search_path = pg_catalog"));
    REQUIRE(session->execute("select pg_advisory_lock(7)"));
    REQUIRE(session->execute("create temp table leftover (x int)"));
  }
  CHECK(value<std::string>("show search_path") == "\"$user\", public");
  CHECK(server.psql("select count(*) from pg_locks where locktype = 'advisory'") == "0");
  CHECK(!database().execute("select * from leftover"));
}

TEST_CASE_METHOD(pool_fixture, "an idle connection that is killed is noticed without a query") {
  start();
  CHECK(value<int32_t>("select 1") == 1);
  server.psql(
      "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'dbs'");
  REQUIRE(testing::eventually([&] { return counter("lost") >= 1; }));
  CHECK(value<int32_t>("select 1") == 1);
}

TEST_CASE_METHOD(pool_fixture, "resizing at run time serves those who wait") {
  settings.pool_size = 1;
  start();
  auto held = database().checkout();
  REQUIRE(held);
  std::promise<caf::error> answer;
  system.spawn([db = client(), &answer](caf::event_based_actor* self) {
    db.execute(self, "select 1")
        .then([&answer](const pg_result&) { answer.set_value({}); },
              [&answer](const caf::error& e) { answer.set_value(e); });
  });
  REQUIRE(testing::eventually([&] { return stats().waiting == 1; }));
  caf::scoped_actor self{system};
  self->request(pool, 10s, resize_atom_v, call_context{}, resize_request{"pool_size", 0})
      .receive([] { FAIL("a pool of nothing makes no sense"); },
               [](const caf::error& e) { CHECK(e == errc::invalid_argument); });
  self->request(pool, 10s, resize_atom_v, call_context{}, resize_request{"pool_size", 2})
      .receive([] {}, [](const caf::error& e) { FAIL(describe(e)); });
  auto done = answer.get_future();
  REQUIRE(done.wait_for(10s) == std::future_status::ready);
  CHECK(!done.get());
  CHECK(stats().pool_size == 2);
}

TEST_CASE_METHOD(pool_fixture,
                 "connection_leak_detected: a lease that is held too long is reported") {
  settings.leak_threshold = 50ms;
  start();
  auto held = database().checkout();
  REQUIRE(held);
  REQUIRE(held->execute("select 'who has this?'"));
  REQUIRE(testing::eventually([&] { return stats().leaks == 1; }));
  auto holders = database().holders();
  REQUIRE(holders);
  REQUIRE(holders->size() == 1);
  CHECK(holders->front().leaking);
  CHECK(holders->front().statement == "select '***'");
  CHECK(holders->front().age >= 50ms);
}

namespace {

struct encrypted_fixture : pool_fixture {
  encrypted_fixture() : pool_fixture(with_tls()) {
    settings.min_idle = settings.pool_size;
    settings.target.parameters = {{"sslmode", "verify-full"},
                                  {"sslrootcert", server.certificates().authority}};
  }

  static testing::private_postgres_options with_tls() {
    testing::private_postgres_options result;
    result.tls = testing::tls_mode::required;
    return result;
  }
};

} // namespace

TEST_CASE_METHOD(encrypted_fixture,
                 "all of a pool's sessions are encrypted where TLS is asked for") {
  start();
  CHECK(testing::eventually(
      [this] { return server_connections() == static_cast<int>(settings.pool_size); }));
  CHECK(value<bool>("select bool_and(ssl) from pg_stat_ssl join pg_stat_activity using (pid) "
                    "where application_name = 'dbs'"));
}
