// Shared statements through the manager and its client: who is answered when, and what
// the reports say meanwhile.
#include "actor/actors/postgres_pool/pool_scene.hpp"

#include "dbs/actors/client/database_client.hpp"

#include <catch2/catch_test_macros.hpp>

#include <string>

using namespace dbs;
using namespace dbs::tests;

namespace {

struct started_pool : pool_scene {
  started_pool() { start(); }
};

struct shared_scene : started_pool {
  shared_scene() { server->answers = false; }

  testing::pending_answer<pg_result> share(scripted_owner& who, const std::string& sql,
                                           call_context context = {}) {
    auto answer =
        who.request<pg_result>(execute_atom_v, context, shared(pg_statement{sql, {}, true}));
    serve();
    return answer;
  }

  void succeed() {
    with_server([this] { connection().succeed(); });
    serve();
  }

  scripted_owner one{*this, pool};
  scripted_owner other{*this, pool};
};

} // namespace

TEST_CASE_METHOD(shared_scene, "two callers share a connection, and each has its own answer") {
  auto first = share(one, "select 1");
  auto second = share(other, "select 2");
  CHECK(connection().behind.size() == 1);
  CHECK(stats().shared_connections == 1);
  CHECK(stats().shared_statements == 2);
  succeed();
  CHECK(succeeded(first));
  CHECK_FALSE(second.answered());
  succeed();
  CHECK(succeeded(second));
  CHECK(stats().shared_statements == 0);
}

TEST_CASE_METHOD(shared_scene, "a caller that dies leaves its statement, and others theirs") {
  share(one, "select 1");
  auto second = share(other, "select 2");
  one.die();
  serve();
  succeed();
  CHECK_FALSE(second.answered());
  succeed();
  CHECK(succeeded(second));
}

TEST_CASE_METHOD(shared_scene, "a deadline is that of one statement, not of those behind it") {
  auto late = share(one, "update t set x = 1", call_context::within(now(), 20ms));
  auto patient = share(other, "select 2");
  server->settles_cancels = false;
  advance(20ms);
  CHECK(failed(late, errc::in_doubt));
  CHECK_FALSE(patient.answered());
  CHECK(connection().cancelling);
  // The cancel hits nobody, or the one behind, who does not see it.
  succeed();
  with_server([this] {
    connection().fail_with(
        fail(errc::query_failed, error_detail{"canceled", std::nullopt, "57014", {}}));
    connection().settle_cancel();
  });
  serve();
  CHECK_FALSE(patient.answered());
  succeed();
  CHECK(succeeded(patient));
  CHECK(counter("retried") == 1);
  CHECK(!log.with("retried").empty());
}

TEST_CASE_METHOD(shared_scene, "the loss of a shared connection answers all of its callers") {
  auto first = share(one, "select 1");
  auto second = share(other, "insert into t values (1)");
  with_server([this] { connection().kill(); });
  serve();
  CHECK(failed(first, errc::in_doubt));
  CHECK(failed(second, errc::in_doubt));
}

TEST_CASE_METHOD(shared_scene, "the death of the manager answers all callers") {
  auto first = share(one, "select 1");
  auto second = share(other, "select 2");
  caf::anon_send_exit(pool, caf::exit_reason::kill);
  advance(0s);
  CHECK(failed(first, errc::restarted));
  CHECK(failed(second, errc::restarted));
}
