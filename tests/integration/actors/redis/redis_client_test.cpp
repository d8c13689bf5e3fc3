// What callers see of Redis, and what they do not see when things break.
#include "integration/actors/redis/redis_fixture.hpp"

#include "dbs/testing/gate/tcp_gate.hpp"

#include <caf/event_based_actor.hpp>
#include <caf/stateful_actor.hpp>

#include <catch2/catch_test_macros.hpp>

#include <atomic>
#include <thread>

using namespace dbs;
using namespace dbs::tests;
using namespace std::chrono_literals;

namespace {

/// What a crowd of callers has seen.
struct tally {
  std::atomic<size_t> right{0};
  std::atomic<size_t> wrong{0};
  std::atomic<size_t> in_doubt{0};
  std::atomic<size_t> lost{0};
  std::atomic<size_t> other{0};

  size_t all() const { return right + wrong + in_doubt + lost + other; }
};

/// Sends commands with a tag, one after the other, and compares what comes back.
struct tagging_caller {
  tagging_caller(caf::event_based_actor* ptr, redis_client client, std::shared_ptr<tally> to,
                 int number, int commands)
      : self(ptr), redis(std::move(client)), seen(std::move(to)), name(number), left(commands) {}

  caf::behavior make_behavior() {
    next();
    return {};
  }

  void next() {
    if (left-- == 0)
      return;
    auto tag = std::to_string(name) + ":" + std::to_string(left);
    // Reads and writes in turn.
    auto command = left % 2 == 0
                       ? make_redis_command("ECHO", tag)
                       : make_redis_command("GETSET", "caller:" + std::to_string(name), tag);
    auto before = last;
    auto writes = left % 2 != 0;
    redis.run(self, std::move(command))
        .then(
            [this, tag, before, writes](const redis_reply& reply) {
              auto right = writes ? uncertain || reply.text() == before : reply.text() == tag;
              ++(right ? seen->right : seen->wrong);
              if (writes) {
                last = tag;
                uncertain = false;
              }
              next();
            },
            [this, writes](const caf::error& why) {
              if (why == errc::in_doubt)
                ++seen->in_doubt;
              else if (why == errc::connection_lost)
                ++seen->lost;
              else
                ++seen->other;
              uncertain = uncertain || (writes && why == errc::in_doubt);
              next();
            });
  }

  caf::event_based_actor* self;
  redis_client redis;
  std::shared_ptr<tally> seen;
  int name;
  int left;
  /// What the last write has written, if that is known.
  std::string last;
  bool uncertain = false;
};

} // namespace

TEST_CASE_METHOD(redis_fixture, "values of all kinds come back as they were") {
  REQUIRE(start());
  std::string binary{"a\0\r\n\xff", 5};
  CHECK(text("SET", "k", binary) == "OK");
  CHECK(text("GET", "k") == binary);
  CHECK(command("GET", "nothing")->is_nil());
  CHECK(command("INCRBY", "n", 42)->get<int64_t>() == 42);
  CHECK(command("GET", "n")->get<int64_t>() == 42);
  CHECK(command("ZADD", "z", 1.5, "a", 2, "b")->get<int64_t>() == 2);
  CHECK(command("ZSCORE", "z", "a")->get<double>() == 1.5);
  CHECK(command("ZSCORE", "z", "a")->type() == redis_type::real);
  command("HSET", "h", "x", 1, "y", 2);
  auto map = command("HGETALL", "h");
  REQUIRE(map);
  CHECK(map->type() == redis_type::map);
  CHECK(map->find("y").get<int64_t>() == 2);
  command("SADD", "s", "a", "b");
  CHECK(command("SMEMBERS", "s")->type() == redis_type::set);
  auto many = command("MGET", "k", "nothing", "n");
  REQUIRE(many);
  CHECK(many->at(0).text() == binary);
  CHECK(many->at(1).is_nil());
  CHECK(many->at(2).text() == "42");
  CHECK(command("LPUSH", "k", 1).error() == errc::query_failed);
}

TEST_CASE_METHOD(redis_fixture,
                 "a large value goes both ways, and others do not wait for it long") {
  REQUIRE(start());
  std::string large(20 << 20, 'x');
  CHECK(text("SET", "large", large) == "OK");
  CHECK(text("GET", "large") == large);
  auto beyond = command("SET", "k", std::string(redis_command::max_bytes, 'x'));
  CHECK(beyond.error() == errc::payload_too_large);
}

TEST_CASE_METHOD(redis_fixture, "a script is loaded once, and again when Redis has lost it") {
  REQUIRE(start());
  const redis_script add{"return redis.call('incrby', KEYS[1], ARGV[1])"};
  auto call = [&] {
    return run(add.call(std::array{std::string_view{"n"}}).add(5))->get<int64_t>();
  };
  CHECK(call() == 5);
  CHECK(call() == 10);
  CHECK(stat("scripts_sent") == 1);
  server.cli({"script", "flush"});
  CHECK(call() == 15);
  CHECK(call() == 20);
  CHECK(stat("scripts_sent") == 2);
  const redis_script look{"return redis.call('get', KEYS[1])", redis_script::effect::reads};
  CHECK(run(look.call(std::array{std::string_view{"n"}}))->text() == "20");
  const redis_script bad{"return redis.call('set', KEYS[1], 1)", redis_script::effect::reads};
  CHECK(run(bad.call(std::array{std::string_view{"n"}})).error() == errc::query_failed);
}

TEST_CASE_METHOD(redis_fixture, "the minimum of connections is there, and never more than the "
                                "maximum under load") {
  settings.pool_min = 5;
  settings.pool_max = 12;
  limits.depth = 8;
  REQUIRE(start());
  REQUIRE(testing::eventually([&] { return connections() == 5; }));
  auto seen = std::make_shared<tally>();
  constexpr int callers = 300;
  for (int i = 0; i < callers; ++i)
    system.spawn<caf::stateful_actor<tagging_caller>>(redis_client{redis}, seen, i, 200);
  size_t most = 0;
  REQUIRE(testing::eventually(
      [&] {
        most = std::max(most, connections());
        return seen->all() == callers * 200;
      },
      60s));
  CHECK(most > 5);
  CHECK(most <= 12);
  CHECK(seen->right == seen->all());
}

TEST_CASE_METHOD(redis_fixture, "100,000 tagged commands while connections are killed: none gets "
                                "another's reply") {
  REQUIRE(start());
  auto seen = std::make_shared<tally>();
  constexpr int callers = 100;
  constexpr int commands = 1000;
  for (int i = 0; i < callers; ++i)
    system.spawn<caf::stateful_actor<tagging_caller>>(redis_client{redis}, seen, i, commands);
  size_t next_kill = 1000;
  REQUIRE(testing::eventually(
      [&] {
        if (seen->all() >= next_kill) {
          server.cli({"client", "kill", "type", "normal", "skipme", "yes"});
          next_kill += 4000;
        }
        return seen->all() == callers * commands;
      },
      120s));
  CHECK(seen->wrong == 0);
  CHECK(seen->other == 0);
  INFO("in doubt " << seen->in_doubt << ", lost " << seen->lost);
  CHECK(seen->right > callers * commands * 9 / 10);
  CHECK(stat("connections.lost") > 20);
  CHECK(stat("commands.repeated") > 0);
}

TEST_CASE_METHOD(redis_fixture,
                 "a paused server: writes are in doubt, reads late; then all is well") {
  settings.command_timeout = 300ms;
  REQUIRE(start());
  server.pause();
  auto write = command("SET", "k", "v");
  auto read = command("GET", "k");
  server.resume();
  CHECK(write.error() == errc::in_doubt);
  CHECK(read.error() == errc::deadline_exceeded);
  CHECK(until(health_status::healthy, 5s));
  CHECK(text("GET", "k") == "v");
}

TEST_CASE_METHOD(redis_fixture,
                 "a link that delivers byte by byte, or holds back, changes nothing") {
  testing::tcp_gate gate{server.host(), server.port()};
  settings.target.address = {gate.host(), gate.port()};
  REQUIRE(start());
  gate.split(1, testing::gate_direction::both, 0us);
  CHECK(text("SET", "k", "value") == "OK");
  CHECK(text("GET", "k") == "value");
  gate.pass();
  gate.delay(50ms);
  CHECK(text("GET", "k") == "value");
}

TEST_CASE_METHOD(redis_fixture, "a half-open link is noticed by probes and replaced") {
  testing::tcp_gate gate{server.host(), server.port()};
  settings.target.address = {gate.host(), gate.port()};
  settings.command_timeout = 300ms;
  REQUIRE(start());
  gate.drop();
  CHECK(until(health_status::unhealthy, 5s));
  gate.pass();
  gate.reset_all();
  CHECK(until(health_status::healthy, 5s));
  CHECK(text("PING") == "PONG");
}

TEST_CASE_METHOD(redis_fixture, "what would disturb others is refused, and the connections stay") {
  REQUIRE(start());
  for (auto* name : {"MULTI", "SUBSCRIBE", "BLPOP", "SELECT", "CLIENT", "MONITOR"}) {
    auto refused = command(name, "REPLY", "OFF");
    INFO(name);
    CHECK(refused.error() == errc::invalid_argument);
    CHECK(detail(refused.error()).what.find(name) == 0);
  }
  CHECK(text("PING") == "PONG");
  CHECK(stat("connections.lost") == 0);
}
