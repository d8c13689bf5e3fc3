// The pool while PostgreSQL is killed, paused and restarted under load.
#include "integration/actors/postgres_pool/pool_fixture.hpp"

#include <catch2/catch_test_macros.hpp>

#include <atomic>
#include <map>
#include <mutex>

using namespace dbs;
using namespace dbs::tests;

namespace {

/// Callers that ask one query after the other until told to stop; each has at most
/// one outstanding, so that `asked - answered` is what hangs.
class load {
public:
  load(caf::actor_system& system, const database_client& database, int callers) {
    for (int i = 0; i < callers; ++i)
      system.spawn([this, database](caf::event_based_actor* self) { next(self, database); });
  }

  ~load() { stop(); }

  void stop() {
    stopping_ = true;
    REQUIRE(testing::eventually([&] { return asked == answered; }, 30s));
  }

  std::map<std::string, int> errors() {
    std::unique_lock guard{mutex_};
    return errors_;
  }

  std::atomic<int> asked{0};
  std::atomic<int> answered{0};
  std::atomic<int> succeeded{0};

private:
  void next(caf::event_based_actor* self, const database_client& database) {
    if (stopping_)
      return;
    auto tag = ++asked;
    database.within(3s)
        .execute(self, "select $1::int", tag)
        .then(
            [=, this](const pg_result& rows) {
              if (rows.row(0).get<int32_t>(0) != tag)
                throw std::logic_error("somebody else's result");
              ++succeeded;
              ++answered;
              next(self, database);
            },
            [=, this](const caf::error& reason) {
              {
                std::unique_lock guard{mutex_};
                ++errors_[to_string(static_cast<errc>(reason.code()))];
              }
              ++answered;
              next(self, database);
            });
  }

  std::atomic<bool> stopping_{false};
  std::mutex mutex_;
  std::map<std::string, int> errors_;
};

bool only(const std::map<std::string, int>& errors, std::initializer_list<std::string> allowed) {
  return std::all_of(errors.begin(), errors.end(), [&](auto& x) {
    return std::find(allowed.begin(), allowed.end(), x.first) != allowed.end();
  });
}

} // namespace

TEST_CASE_METHOD(pool_fixture, "PostgreSQL is killed and restarted under load: no request hangs") {
  start();
  load traffic{system, client(), 16};
  REQUIRE(testing::eventually([&] { return traffic.succeeded > 1000; }, 30s));
  for (int round = 0; round < 3; ++round) {
    server.kill();
    server.start();
    server.wait_accepting();
    auto accepting = std::chrono::steady_clock::now();
    auto before = traffic.succeeded.load();
    REQUIRE(testing::eventually([&] { return traffic.succeeded > before + 100; }, 10s));
    CHECK(std::chrono::steady_clock::now() - accepting < 2s);
  }
  traffic.stop();
  CAPTURE(traffic.errors());
  CHECK(
      only(traffic.errors(), {"connection_lost", "in_doubt", "deadline_exceeded", "query_failed"}));
  REQUIRE(testing::eventually([&] { return stats().active_connections == 0; }));
  CHECK(stats().waiting == 0);
}

TEST_CASE_METHOD(pool_fixture,
                 "PostgreSQL hangs under load: every request is answered by its deadline") {
  start();
  load traffic{system, client(), 16};
  REQUIRE(testing::eventually([&] { return traffic.succeeded > 1000; }, 30s));
  server.pause();
  REQUIRE(testing::eventually([&] { return traffic.errors()["deadline_exceeded"] >= 16; }, 20s));
  server.resume();
  auto before = traffic.succeeded.load();
  REQUIRE(testing::eventually([&] { return traffic.succeeded > before + 100; }, 20s));
  traffic.stop();
}

TEST_CASE_METHOD(pool_fixture, "the pool comes up by itself when PostgreSQL comes up late") {
  server.stop();
  pool = spawn_postgres_pool(loop, {"postgres_pool",
                                    settings,
                                    std::make_shared<observe::registry>(),
                                    testing::make_silent_logger(),
                                    {}});
  caf::scoped_actor self{system};
  self->request(pool, 30s, start_atom_v, call_context{})
      .receive([] { FAIL("there is no server"); },
               [&](const caf::error& reason) {
                 CHECK(detail(reason).what.find("connection refused at 127.0.0.1:" +
                                                std::to_string(server.port())) !=
                       std::string::npos);
               });
  server.start();
  self->request(pool, 30s, ready_atom_v, call_context{})
      .receive([] {}, [](const caf::error& reason) { FAIL(describe(reason)); });
  CHECK(value<int32_t>("select 1") == 1);
}
