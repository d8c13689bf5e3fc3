// What becomes of commands when connections break or say nothing.
#include "unit/runtime/redis/core_fixture.hpp"

#include <catch2/catch_get_random_seed.hpp>
#include <catch2/catch_test_macros.hpp>

#include <random>

using namespace dbs;
using namespace dbs::test;
using namespace std::chrono_literals;

TEST_CASE_METHOD(core_fixture, "what was sent and what was not are told apart") {
  start();
  links.answer = scripted_links::mute;
  auto sent_read = ask(make_redis_command("GET", "k"));
  auto sent_write = ask(make_redis_command("SET", "k", "v"));
  run();
  links[0].room = 5; // the socket takes the beginning of the next one
  auto torn = ask(make_redis_command("INCR", "k"));
  core().flush();
  auto unsent = ask(make_redis_command("INCR", "n"));
  core().flush();
  links.answer = [](scripted_link& link, const words& command) {
    return command[0] == "GET" || command[0] == "INCR" ? "+again\r\n"
                                                       : scripted_links::obliging(link, command);
  };
  // when the connection breaks
  links.hang_up(links[0]);
  CHECK(answer(sent_write) == "in_doubt");
  CHECK(answer(torn) == "in_doubt");
  CHECK(!answered(sent_read));
  CHECK(!answered(unsent));
  advance(50ms);
  // then the read is repeated, the unsent command sent, each once
  CHECK(answer(sent_read) == "again");
  CHECK(answer(unsent) == "again");
  CHECK(links[1].received.size() == 2 + 2);
  CHECK(core().figures().repeated == 1);
  CHECK(core().figures().in_doubt == 2);
}

TEST_CASE_METHOD(core_fixture, "of one write, what the socket did not begin to take is unsent") {
  settings.pool_min = 2;
  start();
  links.answer = scripted_links::mute;
  links[0].room = 40;
  auto first = ask(make_redis_command("SET", "a", "1"));  // 28 bytes
  auto second = ask(make_redis_command("SET", "b", "1")); // 12 of them are taken
  auto third = ask(make_redis_command("SET", "c", "1"));
  core().flush();
  links.answer = scripted_links::obliging;
  links.hang_up(links[0]);
  run();
  CHECK(answer(first) == "in_doubt");
  CHECK(answer(second) == "in_doubt");
  CHECK(answer(third) == "OK");
}

TEST_CASE_METHOD(core_fixture, "a read is repeated once, and lost the second time") {
  settings.pool_min = 2;
  start();
  links.answer = scripted_links::mute;
  auto token = ask(make_redis_command("GET", "k"));
  run();
  links.hang_up(links[0]);
  run();
  CHECK(!answered(token));
  links.hang_up(links[1]);
  CHECK(answer(token) == "connection_lost");
}

TEST_CASE_METHOD(core_fixture, "a batch is sent anew only as a whole, and before any of it was") {
  settings.pool_min = 2;
  start();
  links.answer = scripted_links::mute;
  std::vector<redis_command> batch{make_redis_command("GET", "k"),
                                   make_redis_command("SET", "k", "v"),
                                   make_redis_command("GET", "k")};
  SECTION("nothing was sent") {
    links[0].room = 0;
    auto token = ask_batch(batch);
    core().flush();
    links.answer = scripted_links::obliging;
    links.hang_up(links[0]);
    run();
    CHECK(answer(token) == "OK,OK,OK");
  }
  SECTION("some was answered") {
    auto token = ask_batch(batch);
    run();
    links.say(links[0], "+one\r\n");
    links.hang_up(links[0]);
    CHECK(answer(token) == "one,in_doubt,connection_lost");
  }
  SECTION("some was sent") {
    links[0].room = 10;
    auto token = ask_batch(batch);
    core().flush();
    links.hang_up(links[0]);
    CHECK(answer(token) == "connection_lost,connection_lost,connection_lost");
  }
}

TEST_CASE_METHOD(core_fixture, "while there is no connection, commands wait for the one attempt") {
  start();
  links.hang_up(links[0]);
  CHECK(events.back() == "down: the server hung up");
  links.refuse = fail(errc::connection_lost, "connection refused");
  auto waiting = echo("x");
  run();
  CHECK(!answered(waiting));
  // when the attempt fails, so does whoever waits, and whoever comes
  advance(50ms);
  CHECK(answer(waiting) == "connection_lost");
  CHECK(answer(echo("y")) == "connection_lost");
  CHECK(detail(last_error).what == "redis is not there: connection refused");
  // when the server is back
  links.refuse = {};
  advance(1s);
  auto after = echo("z");
  run();
  CHECK(answer(after) == "z");
  CHECK(events.back() == "up");
}

TEST_CASE_METHOD(core_fixture, "attempts to connect come ever later, up to a second") {
  links.refuse = fail(errc::connection_lost, "connection refused");
  start();
  std::vector<caf::timespan> gaps;
  for (auto last = time.now(); gaps.size() < 8;) {
    auto made = links.made();
    while (links.made() == made)
      advance(1ms);
    gaps.push_back(time.now() - last);
    last = time.now();
  }
  CHECK(gaps[0] >= 39ms);
  CHECK(gaps[0] <= 51ms);
  CHECK(gaps[2] > gaps[1]);
  CHECK(gaps.back() >= 799ms);
  CHECK(gaps.back() <= 1001ms);
}

TEST_CASE_METHOD(core_fixture,
                 "a deadline that passes leaves the connection and the others alone") {
  start();
  links.answer = scripted_links::mute;
  auto read = ask(make_redis_command("GET", "a"), 100ms);
  auto write = ask(make_redis_command("SET", "b", 1), 100ms);
  auto patient = ask(make_redis_command("GET", "c"), 10s);
  run();
  advance(99ms);
  CHECK(answers.empty());
  advance(1ms);
  CHECK(answer(read) == "deadline_exceeded");
  CHECK(answer(write) == "in_doubt");
  // their replies are nobody else's
  links.say(links[0], "+a\r\n+b\r\n+c\r\n");
  CHECK(answer(patient) == "c");
  CHECK(links.open() == 1);
  CHECK(twice == 0);
}

TEST_CASE_METHOD(core_fixture, "a command that is late before it was sent is taken off") {
  start();
  links[0].room = 0;
  auto late = ask(make_redis_command("SET", "a", 1), 100ms);
  auto patient = ask(make_redis_command("ECHO", "b"), 10s);
  // it has not been put together yet
  advance(100ms);
  CHECK(answer(late) == "deadline_exceeded");
  CHECK(!answered(patient));
  CHECK(answer(ask(make_redis_command("PING"), 0s)) == "deadline_exceeded");
}

TEST_CASE_METHOD(core_fixture, "without a deadline of its own a command has the default") {
  start();
  links.answer = scripted_links::mute;
  auto token = echo("x");
  run();
  advance(settings.command_timeout - 1ms);
  CHECK(!answered(token));
  advance(1ms);
  CHECK(answer(token) == "deadline_exceeded");
}

TEST_CASE_METHOD(core_fixture, "a server that says nothing is given up, and asked anew") {
  start();
  advance(5s);
  CHECK(probed == 5);
  CHECK(!core().hangs());
  links.answer = [](scripted_link&, const words&) { return std::string{}; };
  advance(2s);
  CHECK(core().hangs());
  CHECK(core().up());
  // what is asked meanwhile waits: nothing is in doubt
  auto waiting = ask(make_redis_command("SET", "k", "v"), 10s);
  run();
  CHECK(core().figures().waiting == 1);
  advance(1s);
  CHECK(!core().up());
  CHECK(core().figures().failed_probes == 1);
  // the next connection does not get through its login
  advance(50ms);
  CHECK(links.made() == 2);
  CHECK(!answered(waiting));
  advance(2s);
  CHECK(answer(waiting) == "connection_lost");
}

TEST_CASE_METHOD(core_fixture, "an overdue connection is passed over until it is heard again") {
  settings.pool_min = 2;
  start();
  make_overdue(links[0]);
  auto other = echo("x");
  run();
  CHECK(answer(other) == "x");
  CHECK(links[1].received.back() == words{"ECHO", "x"});
  links[0].paused = false;
  run();
  auto again = echo("y");
  run();
  CHECK(links[0].received.back() == words{"ECHO", "y"});
  CHECK(answer(again) == "y");
}

TEST_CASE_METHOD(core_fixture, "what waits for an overdue connection goes when it is heard again") {
  settings.pool_min = 1;
  settings.pool_max = 1;
  start();
  make_overdue(links[0]);
  auto waiting = echo("x");
  run();
  CHECK_FALSE(answered(waiting));
  links[0].paused = false;
  run();
  CHECK(answer(waiting) == "x");
}

TEST_CASE_METHOD(core_fixture, "a server that is busy answers no PING, and is there") {
  settings.pool_min = 1;
  start();
  auto so_far = probed;
  links.answer = [](scripted_link&, const words&) -> std::string {
    return "-BUSY Redis is busy running a script.\r\n";
  };
  advance(limits.probe_interval);
  CHECK(probed == so_far + 1);
  CHECK(links.made() == 1);
}

TEST_CASE_METHOD(core_fixture, "what waits while it drains is refused with the last connection") {
  settings.pool_min = 1;
  settings.pool_max = 1;
  start();
  links.answer = scripted_links::mute;
  auto read = ask(make_redis_command("GET", "a"));
  run();
  core().drain();
  links.hang_up(links[0]);
  run();
  CHECK(answer(read) == "connection_lost");
}

TEST_CASE_METHOD(core_fixture, "an unacceptable reply closes the connection; who asked is told") {
  settings.pool_min = 2;
  limits.replies.max_bytes = 100;
  start();
  links.answer = scripted_links::mute;
  auto read = ask(make_redis_command("GET", "a"));
  auto next = ask(make_redis_command("GET", "b"));
  auto write = ask(make_redis_command("SET", "c", 1));
  run();
  links.answer = scripted_links::obliging;
  SECTION("malformed") {
    links.say(links[0], "HTTP/1.1 400 Bad Request\r\n");
    CHECK(answer(read) == "protocol_error");
  }
  SECTION("too large") {
    links.say(links[0], "$1000\r\n" + std::string(200, 'x'));
    CHECK(answer(read) == "payload_too_large");
  }
  run();
  CHECK(answer(next) == "OK");
  CHECK(answer(write) == "in_doubt");
  CHECK(core().figures().lost == 1);
}

TEST_CASE_METHOD(core_fixture, "a reply or a push that nobody asked for closes the connection") {
  start();
  for (auto* bytes : {"+OK\r\n", ">1\r\n+x\r\n"}) {
    links.say(links[links.made() - 1], bytes);
    CHECK(!core().up());
    CHECK(core().last_error() == errc::protocol_error);
    advance(100ms);
    CHECK(core().up());
  }
}

TEST_CASE_METHOD(core_fixture, "whatever servers do, every command is answered once, with its own "
                               "reply or an error") {
  std::minstd_rand random{Catch::getSeed()};
  auto below = [&](size_t n) { return random() % n; };
  settings.pool_min = 3;
  settings.pool_max = 6;
  limits.depth = 4;
  limits.max_pending = 8;
  limits.max_commands = 200;
  limits.replies = {.max_bytes = 4096, .max_line = 256, .max_elements = 64, .max_depth = 5};
  const std::string alphabet = "+-:$*%~#,_(=>\r\n\r\n\r\n0123456789abc";
  links.answer = [&](scripted_link& link, const words& command) {
    if (command[0] != "ECHO" || below(50) != 0)
      return scripted_links::obliging(link, command);
    // Noise cannot be a reply to the tags below.
    std::string noise(1 + below(40), ' ');
    for (auto& c : noise)
      c = alphabet[below(alphabet.size())];
    return "!" + noise;
  };
  start();
  std::map<redis::request_token, std::string> asked;
  size_t own = 0;
  for (int step = 0; step < 20'000; ++step) {
    switch (below(12)) {
    case 0:
      if (auto i = below(links.made()); below(20) == 0)
        links.hang_up(links[i]);
      break;
    case 1:
      if (auto i = below(links.made()); below(10) == 0)
        links[i].paused = !links[i].paused;
      break;
    case 2:
      links.refuse = below(30) == 0 ? fail(errc::connection_lost, "refused") : caf::error{};
      break;
    case 3:
      if (auto i = below(links.made()); links[i].observer != nullptr && links[i].opened)
        links.give_room(links[i], below(3) == 0 ? below(100) : std::numeric_limits<size_t>::max());
      break;
    case 4:
      advance(caf::timespan{1'000'000 * static_cast<int64_t>(below(100))});
      break;
    case 5:
    case 6:
      run();
      break;
    default: {
      auto tag = "tag " + std::to_string(step);
      auto token = ask(make_redis_command("ECHO", tag),
                       caf::timespan{1'000'000 * static_cast<int64_t>(1 + below(2000))});
      asked.emplace(token, tag);
      break;
    }
    }
  }
  links.refuse = {};
  for (size_t i = 0; i < links.made(); ++i)
    links[i].paused = false;
  advance(10s);
  CHECK(twice == 0);
  CHECK(answers.size() == asked.size());
  CHECK(core().figures().in_flight == 0);
  CHECK(core().figures().in_flight_bytes == 0);
  for (auto& [token, tag] : asked) {
    auto& got = answers[token];
    if (got.starts_with("tag")) {
      CHECK(got == tag);
      ++own;
    }
  }
  CHECK(own > asked.size() / 4);
}
