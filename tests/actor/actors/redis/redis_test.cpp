#include "dbs/actors/redis/redis.hpp"

#include "actor/actors/log_text.hpp"
#include "actor/actors/redis/scripted_redis.hpp"

#include "dbs/messages/error_detail.hpp"
#include "dbs/testing/eventually.hpp"
#include "dbs/testing/fixture/actor_fixture.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace dbs;
using namespace dbs::tests;
using namespace std::chrono_literals;

namespace {

struct fixture : testing::actor_fixture {
  fixture() {
    settings.target.address = {"127.0.0.1", peer.port()};
    settings.pool_min = 1;
    settings.pool_max = 1;
  }

  testing::pending_answer<void> start() {
    redis = track(spawn_redis(loop(), {settings, metrics, log, {}}));
    return request<void>(redis, start_atom_v, call_context{});
  }

  void start_and_wait() {
    auto started = start();
    REQUIRE(until([&] { return started.answered(); }));
    REQUIRE(started.get());
  }

  health_report health() {
    auto report = ask<health_report>(redis, health_atom_v, call_context{});
    REQUIRE(report);
    return *report;
  }

  field::value_type health_field(std::string_view name) {
    for (auto& x : health().fields)
      if (x.name == name)
        return x.value;
    FAIL("no field " << name);
    return false;
  }

  testing::pending_answer<redis_reply> command(redis_command what, call_context context = {}) {
    return request<redis_reply>(redis, command_atom_v, context, std::move(what));
  }

  testing::pending_answer<redis_reply> echo(std::string_view what, call_context context = {}) {
    return command(make_redis_command("ECHO", what), context);
  }

  /// Runs everything until the condition holds. Sockets are real, so this waits.
  template <class Predicate>
  bool until(Predicate holds) {
    return testing::eventually([&] {
      run();
      return holds();
    });
  }

  bool until_healthy() {
    return until([this] { return health().status == health_status::healthy; });
  }

  bool until_received(std::string_view verb, size_t count) {
    return until([this, verb, count] { return peer.received(verb) == count; });
  }

  /// What has been logged so far.
  const std::string& lines() {
    log->flush(); // it writes on a thread of its own
    return *logged;
  }

  /// The value of one of the manager's metrics.
  template <class T>
  T metric(const std::string& name) {
    for (auto& x : metrics->collect())
      if (x.name == name)
        return std::get<T>(x.series.at(0).value);
    FAIL("no metric " << name);
    return {};
  }

  scripted_redis peer{loop().io()};
  redis_settings settings;
  std::shared_ptr<observe::registry> metrics = std::make_shared<observe::registry>();
  std::shared_ptr<std::string> logged = std::make_shared<std::string>();
  std::shared_ptr<observe::logger> log = make_log(logged);
  redis_state::actor_type redis;
};

std::string refuse_login(const scripted_redis::command&) {
  return "-WRONGPASS invalid username-password pair or user is disabled.\r\n";
}

} // namespace

TEST_CASE_METHOD(fixture, "start is answered when Redis has answered the login and a PING") {
  // given a server that accepts but does not answer PING yet
  peer.answer_with(scripted_redis::mute);
  auto started = start();
  auto ready = request<void>(redis, ready_atom_v, call_context{});
  REQUIRE(until_received("PING", 1));
  CHECK(!started.answered());
  CHECK(health().status == health_status::unhealthy);
  CHECK(health().detail == "redis has not answered yet");
  // when it does
  peer.say("+PONG\r\n");
  REQUIRE(until([&] { return started.answered() && ready.answered(); }));
  // then the manager has started, is ready, and healthy
  CHECK(started.get());
  CHECK(ready.get());
  CHECK(health().status == health_status::healthy);
  CHECK(health().detail.empty());
  CHECK(health_field("connected") == field::value_type{true});
  // and later requests to start or to be ready are answered at once
  CHECK(ask<void>(redis, start_atom_v, call_context{}));
  CHECK(ask<void>(redis, ready_atom_v, call_context{}));
}

TEST_CASE_METHOD(fixture, "a start that fails says why, and the manager keeps trying") {
  // given nobody who listens
  peer.stop();
  auto started = start();
  auto ready = request<void>(redis, ready_atom_v, call_context{});
  REQUIRE(until([&] { return started.answered(); }));
  REQUIRE(!started.get());
  CHECK(started.get().error() == errc::connection_lost);
  CHECK(detail(started.get().error()).what ==
        "connection refused at 127.0.0.1:" + std::to_string(peer.port()));
  CHECK(!ready.answered());
  // when the server comes up
  peer.listen();
  advance(1s);
  // then the manager finds it
  REQUIRE(until([&] { return ready.answered(); }));
  CHECK(ready.get());
  CHECK(health().status == health_status::healthy);
}

TEST_CASE_METHOD(fixture, "a command is answered with its reply, a batch with all of them") {
  start_and_wait();
  auto one = echo("a");
  auto batch = request<std::vector<redis_reply>>(
      redis, command_atom_v, call_context{},
      redis_batch{{make_redis_command("ECHO", "b"), make_redis_command("SET", "k", 1)}});
  REQUIRE(until([&] { return one.answered() && batch.answered(); }));
  CHECK(one.get()->text() == "a");
  REQUIRE(batch.get());
  REQUIRE(batch.get()->size() == 2);
  CHECK(batch.get()->at(0).text() == "b");
  CHECK(batch.get()->at(1).text() == "OK");
}

TEST_CASE_METHOD(fixture, "the server's own error reaches the one it is for") {
  start_and_wait();
  peer.answer_with([](auto&) { return "-WRONGTYPE not what\x01 you think\r\n"; });
  auto answer = command(make_redis_command("GET", "k"));
  REQUIRE(until([&] { return answer.answered(); }));
  CHECK(answer.get().error() == errc::query_failed);
  CHECK(detail(answer.get().error()).what == "WRONGTYPE not what? you think");
  CHECK(detail(answer.get().error()).fields == std::vector<field>{{"redis_error", "WRONGTYPE"}});
}

TEST_CASE_METHOD(fixture, "a lost connection is noticed at once and made anew") {
  start_and_wait();
  // when the server goes
  peer.stop();
  REQUIRE(until([this] { return health().status == health_status::unhealthy; }));
  // then health says so without waiting for a probe, and requests fail
  advance(1s);
  auto refused = echo("x");
  REQUIRE(until([&] { return refused.answered(); }));
  CHECK(refused.get().error() == errc::connection_lost);
  // when it comes back
  peer.listen();
  advance(1s);
  // then the manager finds it
  REQUIRE(until_healthy());
  CHECK(health_field("connections.lost") == field::value_type{int64_t{1}});
  auto answer = echo("y");
  REQUIRE(until([&] { return answer.answered(); }));
  CHECK(answer.get()->text() == "y");
}

TEST_CASE_METHOD(fixture, "a probe that is late degrades, and a second later the connection ends") {
  start_and_wait();
  peer.answer_with(scripted_redis::mute);
  // given a probe that is not answered within its second
  advance(1s);
  REQUIRE(until_received("PING", 2));
  advance(999ms);
  CHECK(health().status == health_status::healthy);
  advance(1ms);
  CHECK(health().status == health_status::degraded);
  CHECK(health().detail == "redis does not answer in time");
  SECTION("no answer") {
    advance(1s);
    CHECK(health().status == health_status::unhealthy);
    REQUIRE(until([this] { return peer.open() == 0; }));
    peer.answer_with(scripted_redis::obliging);
    advance(1s);
    REQUIRE(until_healthy());
    CHECK(peer.accepted() == 2);
  }
  SECTION("a late one") {
    peer.say("+PONG\r\n");
    REQUIRE(until_healthy());
    CHECK(peer.accepted() == 1);
  }
}

TEST_CASE_METHOD(fixture, "a connection of several that cannot be made anew degrades") {
  settings.pool_min = 2;
  settings.pool_max = 2;
  start_and_wait();
  REQUIRE(until([this] { return peer.open() == 2; }));
  peer.answer_with(refuse_login);
  peer.hang_up_one();
  REQUIRE(until([this] { return health().status == health_status::degraded; }));
  CHECK(health().detail.starts_with("1 of 2 connections: "));
}

TEST_CASE_METHOD(fixture, "a server that is loading is not there yet") {
  peer.answer_with([](auto& words) {
    return words[0] == "PING" ? "-LOADING Redis is loading the dataset in memory\r\n"
                              : scripted_redis::obliging(words);
  });
  auto started = start();
  REQUIRE(until([&] { return started.answered(); }));
  CHECK(started.get().error() == errc::peer_unavailable);
  CHECK(health().detail.ends_with("LOADING Redis is loading the dataset in memory"));
  peer.answer_with(scripted_redis::obliging);
  advance(1s);
  REQUIRE(until_healthy());
}

TEST_CASE_METHOD(fixture, "a command is answered by its deadline") {
  start_and_wait();
  peer.answer_with(scripted_redis::mute);
  auto short_one = echo("a", call_context::within(now(), 100ms));
  auto default_one = echo("b");
  REQUIRE(until_received("ECHO", 2));
  advance(99ms);
  CHECK(!short_one.answered());
  advance(1ms);
  CHECK(short_one.get().error() == errc::deadline_exceeded);
  CHECK(!default_one.answered());
  advance(settings.command_timeout);
  CHECK(default_one.get().error() == errc::deadline_exceeded);
  auto late = echo("c", call_context::within(now() - 1ms, 1ms));
  run();
  CHECK(late.get().error() == errc::deadline_exceeded);
}

TEST_CASE_METHOD(fixture, "drain waits for what runs, then closes the connection") {
  start_and_wait();
  peer.answer_with(scripted_redis::mute);
  auto running = echo("a");
  REQUIRE(until_received("ECHO", 1));
  auto drained = request<void>(redis, drain_atom_v, call_context{});
  auto refused = echo("b");
  run();
  CHECK(!drained.answered());
  CHECK(refused.get().error() == errc::draining);
  // when the last running request is answered
  peer.say("+a\r\n");
  REQUIRE(until([&] { return drained.answered(); }));
  CHECK(running.get()->text() == "a");
  REQUIRE(until([this] { return peer.open() == 0; }));
  // then nothing is left, and nothing comes again
  advance(10s);
  CHECK(peer.accepted() == 1);
  CHECK(pending_timers() == 0);
  CHECK(ask<void>(redis, drain_atom_v, call_context{}));
  CHECK(health().detail == "redis has been shut down");
}

TEST_CASE_METHOD(fixture, "drain waits until its deadline and no longer") {
  start_and_wait();
  peer.answer_with(scripted_redis::mute);
  auto running = command(make_redis_command("SET", "k", "v"));
  REQUIRE(until_received("SET", 1));
  peer.answer_with(scripted_redis::mute);
  auto stuck = echo("x");
  REQUIRE(until_received("ECHO", 1));
  auto drained = request<void>(redis, drain_atom_v, call_context::within(now(), 300ms));
  advance(299ms);
  CHECK(!drained.answered());
  advance(1ms);
  CHECK(drained.answered());
  CHECK(stuck.get().error() == errc::connection_lost);
  CHECK(running.get());
  CHECK(until([this] { return peer.open() == 0; }));
}

TEST_CASE_METHOD(fixture, "drain while Redis is away answers whoever waits for it") {
  peer.stop();
  auto started = start();
  auto ready = request<void>(redis, ready_atom_v, call_context{});
  REQUIRE(until([&] { return started.answered(); }));
  CHECK(ask<void>(redis, drain_atom_v, call_context{}));
  CHECK(ready.get().error() == errc::draining);
  CHECK(ask<void>(redis, start_atom_v, call_context{}).error() == errc::draining);
  peer.listen();
  advance(10s);
  CHECK(peer.accepted() == 0);
}

TEST_CASE_METHOD(fixture, "the manager's death answers what is pending and closes the socket") {
  start_and_wait();
  peer.answer_with(scripted_redis::mute);
  auto running = echo("x");
  REQUIRE(until_received("ECHO", 1));
  caf::anon_send_exit(redis, caf::exit_reason::kill);
  REQUIRE(until([&] { return running.answered() && peer.open() == 0; }));
  CHECK(running.get().error() == errc::restarted);
}

TEST_CASE_METHOD(fixture, "redis has no size to change") {
  redis = track(spawn_redis(loop(), {settings, metrics, log, {}}));
  auto answer = ask<void>(redis, resize_atom_v, call_context{}, resize_request{"pool_size", 3});
  CHECK(answer.error() == errc::invalid_argument);
}

TEST_CASE_METHOD(fixture, "spawn_each_manager_alone: redis") {
  start_and_wait();
  CHECK(ask<void>(redis, ready_atom_v, call_context{}));
  CHECK(health().status == health_status::healthy);
}

TEST_CASE_METHOD(fixture, "losing Redis, and its return, is logged once each") {
  start_and_wait();
  CHECK(lines().empty());
  CHECK(metric<double>("dbs_redis_up") == 1);
  peer.stop();
  REQUIRE(until([this] { return health().status == health_status::unhealthy; }));
  advance(1s);
  CHECK(metric<double>("dbs_redis_up") == 0);
  CHECK(lines().find("redis is lost") != std::string::npos);
  CHECK(lines().find("redis is back") == std::string::npos);
  peer.listen();
  advance(1s);
  REQUIRE(until_healthy());
  CHECK(metric<double>("dbs_redis_up") == 1);
  CHECK(lines().find("redis is lost") == lines().rfind("redis is lost"));
  CHECK(lines().find("redis is back") != std::string::npos);
}

TEST_CASE_METHOD(fixture, "what the manager does is counted, over its restarts") {
  start_and_wait();
  auto answer = echo("x");
  REQUIRE(until([&] { return answer.answered(); }));
  advance(1s);
  CHECK(metric<uint64_t>("dbs_redis_commands_total") == 1);
  CHECK(metric<uint64_t>("dbs_redis_connections_opened_total") == 1);
  CHECK(metric<observe::histogram_snapshot>("dbs_redis_command_seconds").count() == 1);
  CHECK(metric<double>("dbs_redis_connections") == 1);
  caf::anon_send_exit(redis, caf::exit_reason::kill);
  run();
  start_and_wait();
  advance(1s);
  CHECK(metric<uint64_t>("dbs_redis_connections_opened_total") == 2);
}
