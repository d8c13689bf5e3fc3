#include "unit/runtime/redis/core_fixture.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace dbs;
using namespace dbs::test;
using namespace std::chrono_literals;

namespace {

/// Somebody else who uses the same client.
struct other_sink : redis::reply_sink {
  void on_reply(redis::request_token, caf::expected<redis_reply> reply) override {
    answers.push_back(reply ? std::string{reply->text()}
                            : to_string(static_cast<errc>(reply.error().code())));
  }

  void on_replies(redis::request_token, caf::expected<std::vector<redis_reply>> replies) override {
    answers.push_back(replies ? "all" : to_string(static_cast<errc>(replies.error().code())));
  }

  std::vector<std::string> answers;
};

constexpr auto no_deadline = redis::redis_core::time_point::max();

std::vector<redis_command> two_echoes() {
  return {make_redis_command("ECHO", "x"), make_redis_command("ECHO", "y")};
}

} // namespace

TEST_CASE_METHOD(core_fixture, "a sink that is forgotten hears nothing, the others all of theirs") {
  start();
  links.answer = scripted_links::mute;
  other_sink gone;
  SECTION("what was sent") {
    core().execute(make_redis_command("ECHO", "gone"), no_deadline, gone, 1);
    core().execute(two_echoes(), no_deadline, gone, 2);
    auto stays = echo("stays");
    run();
    core().forget(gone);
    CHECK(core().figures().in_flight == 1);
    links.say(links[0], bulk("gone") + bulk("x") + bulk("y") + bulk("stays"));
    CHECK(answer(stays) == "stays");
  }
  SECTION("what was not sent") {
    core().execute(make_redis_command("ECHO", "gone"), no_deadline, gone, 1);
    core().execute(two_echoes(), no_deadline, gone, 2);
    auto stays = echo("stays");
    core().forget(gone);
    links.answer = scripted_links::obliging;
    run();
    CHECK(answer(stays) == "stays");
    CHECK(links[0].received.back() == words{"ECHO", "stays"});
    CHECK(links.received("ECHO") == 1);
  }
  SECTION("what waits") {
    links.hang_up(links[0]);
    core().execute(make_redis_command("ECHO", "gone"), no_deadline, gone, 1);
    core().execute(two_echoes(), no_deadline, gone, 2);
    auto stays = echo("stays");
    core().forget(gone);
    CHECK(core().figures().waiting == 1);
    links.answer = scripted_links::obliging;
    advance(1s);
    CHECK(answer(stays) == "stays");
    CHECK(links.received("ECHO") == 1);
  }
  CHECK(gone.answers.empty());
  CHECK(core().figures().in_flight == 0);
  CHECK(core().figures().in_flight_bytes == 0);
}

TEST_CASE_METHOD(core_fixture, "a client that drains ends when all are forgotten") {
  start();
  links.answer = scripted_links::mute;
  other_sink gone;
  core().execute(make_redis_command("ECHO", "gone"), no_deadline, gone, 1);
  run();
  core().drain();
  CHECK(!core().drained());
  core().forget(gone);
  CHECK(core().drained());
}

TEST_CASE_METHOD(core_fixture, "a client that goes answers everybody once, with restarted") {
  start();
  links.answer = scripted_links::mute;
  other_sink other;
  auto sent = ask(make_redis_command("SET", "k", "v"));
  auto batch = ask_batch(two_echoes());
  core().execute(two_echoes(), no_deadline, other, 2);
  run();
  auto unsent = echo("x");
  core().execute(make_redis_command("ECHO", "gone"), no_deadline, other, 1);
  // who asks for more is refused
  then = [&, &client = core()](redis::request_token token) {
    if (token == sent)
      client.execute(make_redis_command("ECHO", "more"), no_deadline, other, 3);
  };
  destroy();
  CHECK(answer(sent) == "restarted");
  CHECK(answer(batch) == "all: restarted");
  CHECK(answer(unsent) == "restarted");
  CHECK(other.answers.size() == 3);
  CHECK(twice == 0);
}

TEST_CASE_METHOD(core_fixture, "a client that goes answers those who wait for a connection") {
  core().start();
  auto waiting = echo("x");
  auto batch = ask_batch(two_echoes());
  destroy();
  CHECK(answer(waiting) == "restarted");
  CHECK(answer(batch) == "all: restarted");
  CHECK(twice == 0);
}

TEST_CASE_METHOD(core_fixture, "as many connections are kept as is wished, within the bounds") {
  settings.pool_min = 2;
  settings.pool_max = 6;
  start();
  CHECK(core().kept_connections() == 2);
  core().keep_connections(4);
  run();
  CHECK(links.open() == 4);
  advance(limits.idle_limit + 2s);
  CHECK(links.open() == 4);
  core().keep_connections(100);
  run();
  CHECK(core().kept_connections() == 6);
  CHECK(links.open() == 6);
  // fewer: the others go when they have been idle for long
  core().keep_connections(0);
  CHECK(core().kept_connections() == 2);
  CHECK(links.open() == 6);
  advance(limits.idle_limit + 2s);
  CHECK(links.open() == 2);
  CHECK(core().figures().lost == 0);
}
