#include "unit/runtime/redis/core_fixture.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

using namespace dbs;
using namespace dbs::test;
using namespace std::chrono_literals;

TEST_CASE_METHOD(core_fixture, "commands of many callers go out in one write, replies in order") {
  start();
  CHECK(events == std::vector<std::string>{"up"});
  auto writes = links.writes;
  std::vector<redis::request_token> tokens;
  for (int i = 0; i < 64; ++i)
    tokens.push_back(echo(std::to_string(i)));
  run();
  CHECK(links.writes == writes + 1);
  for (int i = 0; i < 64; ++i)
    CHECK(answer(tokens[static_cast<size_t>(i)]) == std::to_string(i));
  CHECK(recorded == 64);
  CHECK(core().figures().in_flight == 0);
  CHECK(core().figures().in_flight_bytes == 0);
}

TEST_CASE_METHOD(core_fixture, "the minimum of connections is opened, two at a time") {
  settings.pool_min = 5;
  settings.pool_max = 50;
  core().start();
  CHECK(links.made() == 2);
  run();
  CHECK(links.open() == 5);
  CHECK(core().figures().connections == 5);
}

TEST_CASE_METHOD(core_fixture, "the first connection is filled before the next is used") {
  settings.pool_min = 2;
  limits.depth = 4;
  start();
  links.answer = scripted_links::mute;
  for (int i = 0; i < 4; ++i)
    echo("x");
  run();
  CHECK(links[0].received.size() == 2 + 4);
  CHECK(links[1].received.size() == 2);
  for (int i = 0; i < 4; ++i)
    echo("x");
  run();
  CHECK(links[1].received.size() == 2 + 4);
  CHECK(links.made() == 2);
}

TEST_CASE_METHOD(core_fixture, "more connections are opened under load, up to the maximum, and "
                               "closed when they are idle") {
  limits.depth = 2;
  start();
  links.answer = scripted_links::mute;
  for (int i = 0; i < 100; ++i) {
    ask(make_redis_command("ECHO", i), 10min);
    run();
  }
  CHECK(links.open() == settings.pool_max);
  CHECK(links.made() == settings.pool_max);
  // when all is answered
  links.answer = scripted_links::obliging;
  for (size_t i = 0; i < links.made(); ++i)
    for (size_t n = 2; n < links[i].received.size(); ++n)
      links.say(links[i], bulk(links[i].received[n][1]));
  CHECK(core().figures().in_flight == 0);
  advance(limits.idle_limit + 2s);
  CHECK(links.open() == settings.pool_min);
  CHECK(core().figures().lost == 0);
}

TEST_CASE_METHOD(core_fixture, "a congested connection is passed over") {
  settings.pool_min = 2;
  start();
  links[0].room = 10;
  echo("first");
  run();
  auto second = echo("second");
  run();
  CHECK(answer(second) == "second");
  CHECK(links[1].received.back() == words{"ECHO", "second"});
}

TEST_CASE_METHOD(core_fixture, "what is refused by name never reaches the server") {
  start();
  auto name = GENERATE("SUBSCRIBE", "multi", "SELECT", "BLPOP", "MONITOR", "AUTH", "WAIT");
  auto before = links[0].received.size();
  auto token = ask(make_redis_command(name, "x"));
  run();
  CHECK(answer(token) == "invalid_argument");
  CHECK(links[0].received.size() == before);
  CHECK(core().figures().refused == 1);
}

TEST_CASE_METHOD(core_fixture, "commands and bytes without an answer are bounded") {
  limits.max_commands = 3;
  limits.max_bytes = 1000;
  start();
  links.answer = scripted_links::mute;
  auto first = echo(std::string(900, 'x'));
  CHECK(answer(echo(std::string(100, 'x'))) == "overloaded");
  echo("b");
  echo("c");
  CHECK(answer(echo("d")) == "overloaded");
  CHECK(answer(ask_batch({make_redis_command("PING")})) == "all: overloaded");
  run();
  // an answer makes room
  links.say(links[0], bulk("first"));
  CHECK(answer(first) == "first");
  links.answer = scripted_links::obliging;
  CHECK(!answered(echo("e")));
  CHECK(core().figures().overloaded == 3);
}

TEST_CASE_METHOD(core_fixture, "a pipeline is as long as its bound, the rest waits") {
  limits.depth = 1;
  limits.max_pending = 2;
  settings.pool_max = 1;
  start();
  links.answer = scripted_links::mute;
  std::vector<redis::request_token> tokens;
  for (int i = 0; i < 5; ++i)
    tokens.push_back(echo(std::to_string(i)));
  run();
  CHECK(links[0].received.size() == 2 + 2);
  CHECK(core().figures().waiting == 3);
  links.answer = scripted_links::obliging;
  links.say(links[0], bulk("0"));
  links.say(links[0], bulk("1"));
  run();
  for (int i = 0; i < 5; ++i)
    CHECK(answer(tokens[static_cast<size_t>(i)]) == std::to_string(i));
}

TEST_CASE_METHOD(core_fixture, "a batch is answered reply by reply, errors among them") {
  start();
  links.answer = [](scripted_link& link, const words& command) {
    return command[0] == "INCR" ? "-WRONGTYPE no\r\n" : scripted_links::obliging(link, command);
  };
  auto token = ask_batch({make_redis_command("SET", "k", 1), make_redis_command("INCR", "k"),
                          make_redis_command("ECHO", "x")});
  run();
  CHECK(answer(token) == "OK,query_failed,x");
  CHECK(core().figures().in_flight == 0);
  // a command that is refused refuses the batch
  token = ask_batch({make_redis_command("SET", "k", 1), make_redis_command("MULTI")});
  CHECK(answer(token) == "all: invalid_argument");
  CHECK(detail(last_error).fields.back() == field{"statement", int64_t{1}});
  CHECK(answer(ask_batch(std::vector<redis_command>{})) == "all: invalid_argument");
}

TEST_CASE_METHOD(core_fixture,
                 "a batch beyond the bound in bytes can never be taken, and says so") {
  limits.max_bytes = 1000;
  start();
  CHECK(answer(ask_batch({make_redis_command("SET", "k", std::string(600, 'x')),
                          make_redis_command("SET", "k", std::string(600, 'x'))})) ==
        "all: payload_too_large");
}

TEST_CASE_METHOD(core_fixture, "a script's source is sent when Redis does not know it") {
  start();
  auto known = false;
  links.answer = [&](scripted_link& link, const words& command) {
    if (command[0] == "EVAL") {
      known = true;
      return ":7\r\n" + std::string{};
    }
    if (command[0] == "EVALSHA")
      return known ? std::string{":7\r\n"} : std::string{"-NOSCRIPT No matching script.\r\n"};
    return scripted_links::obliging(link, command);
  };
  auto call = make_redis_command("EVALSHA", "0123", 1, "key", "arg").with_source(blob{"return 7"});
  auto first = ask(call);
  run();
  auto second = ask(call);
  run();
  CHECK(answered(first));
  CHECK(answered(second));
  CHECK(links.received("EVALSHA") == 2);
  CHECK(links.received("EVAL") == 1);
  CHECK(links[0].received[3] == words{"EVAL", "return 7", "1", "key", "arg"});
  // in a batch it goes with its source, so that the order stays
  ask_batch({call, make_redis_command("PING")});
  run();
  CHECK(links[0].received[5][0] == "EVAL");
  CHECK(core().figures().scripts_sent == 1);
}

TEST_CASE_METHOD(core_fixture, "a sink may ask for more from its answer") {
  start();
  auto count = 0;
  then = [&](redis::request_token) {
    if (++count < 10)
      echo("again");
  };
  echo("once");
  run();
  CHECK(count == 10);
}

TEST_CASE_METHOD(core_fixture, "drain waits for what is under way, and refuses what is new") {
  start();
  links.answer = scripted_links::mute;
  auto running = echo("x");
  run();
  core().drain();
  CHECK(answer(echo("y")) == "draining");
  CHECK(events.back() == "up");
  links.say(links[0], bulk("x"));
  CHECK(answer(running) == "x");
  CHECK(events.back() == "drained");
  run();
  CHECK(links.open() == 0);
  advance(10s);
  CHECK(links.made() == 1);
  CHECK(time.timers().size() == 0);
}

TEST_CASE_METHOD(core_fixture, "abort ends what is under way: reads are lost, the rest in doubt") {
  start();
  links.answer = scripted_links::mute;
  auto read = ask(make_redis_command("GET", "k"));
  auto write = ask(make_redis_command("SET", "k", "v"));
  run();
  core().drain();
  core().abort(fail(errc::draining, "no time left"));
  CHECK(answer(read) == "connection_lost");
  CHECK(answer(write) == "in_doubt");
  CHECK(twice == 0);
}
