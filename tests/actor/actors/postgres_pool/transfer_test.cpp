// Streams and COPY through the manager: who is answered, and what an owner leaves.
#include "actor/actors/postgres_pool/pool_scene.hpp"

#include <catch2/catch_test_macros.hpp>

#include <string>

using namespace dbs;
using namespace dbs::tests;
using step = pg_transfer_action;

namespace {

struct started_pool : pool_scene {
  started_pool() { start(); }
};

struct transfer_scene : started_pool {
  transfer_scene() {
    lease = lease_of(consumer);
    server->answers = false;
  }

  testing::pending_answer<pg_chunk> transfer(step what, std::string sql = {},
                                             call_context context = {}) {
    auto answer = consumer.request<pg_chunk>(
        transfer_atom_v, context, pg_transfer{lease, what, {std::move(sql), {}, true}, {}, {}});
    serve();
    return answer;
  }

  void deliver_chunk(bool last = false) {
    with_server([&] { connection().chunk(last); });
    serve();
  }

  scripted_owner consumer{*this, pool};
  pg_lease lease;
};

} // namespace

TEST_CASE_METHOD(transfer_scene, "each chunk answers the request for it, and no other one") {
  auto first = transfer(step::stream, "select 1");
  CHECK_FALSE(first.answered());
  deliver_chunk();
  REQUIRE(succeeded(first));
  CHECK_FALSE(first.get()->last);
  auto second = transfer(step::next);
  deliver_chunk(true);
  REQUIRE(succeeded(second));
  CHECK(second.get()->last);
}

TEST_CASE_METHOD(transfer_scene,
                 "a consumer that dies has its stream cancelled, and others go on") {
  transfer(step::stream, "select 1");
  deliver_chunk();
  auto other = owner();
  auto waiting = other.execute("select 2");
  consumer.die();
  serve();
  CHECK(connection().log.back() == "discard");
  server->answers = true;
  serve();
  CHECK(succeeded(waiting));
  CHECK(counter("reclaimed") == 1);
  CHECK(counter("cancel") == 1);
  CHECK(server->opened == 1);
}

TEST_CASE_METHOD(transfer_scene, "the deadline of a chunk is that of its request") {
  transfer(step::stream, "select 1");
  deliver_chunk();
  // However long the consumer takes in between.
  pass(1min);
  auto late = transfer(step::next, {}, call_context::within(now(), 1s));
  pass(1s);
  CHECK(failed(late, errc::deadline_exceeded));
  CHECK(connection().log.back() == "discard");
}

TEST_CASE_METHOD(transfer_scene, "a manager that dies in the middle of a stream answers it") {
  transfer(step::stream, "select 1");
  deliver_chunk();
  auto next = transfer(step::next);
  caf::anon_send_exit(pool, caf::exit_reason::kill);
  advance(0s);
  CHECK(failed(next, errc::restarted));
}
