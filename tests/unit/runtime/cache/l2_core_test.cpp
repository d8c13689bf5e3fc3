#include "unit/runtime/cache/l2_fixture.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace dbs;
using namespace dbs::cache;
using namespace dbs::test;
using namespace std::chrono_literals;

TEST_CASE_METHOD(l2_fixture, "one key is read by GET, many by one MGET, in their order") {
  put("dbs:c:a", made_stored("x", {1, 2}));
  put("dbs:c:b", made_tombstone({1, 3}));
  CHECK(answer_to(read("a")) == "value 1.2 x");
  CHECK(answer_to(read("b")) == "tombstone 1.3");
  CHECK(answer_to(read("c")) == "nothing");
  CHECK(links.received("GET") == 3);
  CHECK(answer_to(read_many({"c", "b", "a", "a"})) ==
        "nothing, tombstone 1.3, value 1.2 x, value 1.2 x");
  CHECK(links.received("MGET") == 1);
  CHECK(answer_to(read_many({})).empty());
  CHECK(counted().hits == 3);
  CHECK(counted().misses == 4);
  CHECK(options.counters->reads.snapshot().count() == 4);
}

TEST_CASE_METHOD(l2_fixture, "very many keys are read by MGETs of a thousand, in one go") {
  std::vector<std::string> keys;
  for (int i = 0; i < 2500; ++i)
    keys.push_back(std::to_string(i));
  put("dbs:c:2499", made_stored("last", {1, 2}));
  auto all = answer_to(read_many(keys));
  CHECK(all.ends_with(", nothing, value 1.2 last"));
  CHECK(links.received("MGET") == 3);
  CHECK(links[0].received.back().size() == 501);
}

TEST_CASE_METHOD(l2_fixture, "where values are large, an MGET has fewer keys") {
  put("dbs:c:large", made_stored(std::string(200'000, 'x'), {1, 2}));
  options.settings.max_value_bytes = 1 << 20;
  // not as they lie in Redis: this one is compressed
  for (int i = 0; i < 50; ++i)
    CHECK(answer_to(read("large")).size() > 200'000);
  std::vector<std::string> keys(1000, "none");
  answer_to(read_many(keys));
  CHECK(links.received("MGET") == 1);
  std::string noise;
  std::mt19937_64 random{1};
  while (noise.size() < 200'000)
    noise += static_cast<char>(random());
  put("dbs:c:large", made_stored(noise, {1, 2}));
  for (int i = 0; i < 50; ++i)
    answer_to(read("large"));
  answer_to(read_many(keys));
  // 16 MiB of such
  CHECK(links.received("MGET") == 1 + 13);
}

TEST_CASE_METHOD(l2_fixture, "what has expired is there as a tombstone with its version") {
  auto value = made_stored("x", {1, 2});
  value.hard = wall + 10ms;
  put("dbs:c:a", value);
  CHECK(answer_to(read("a")) == "value 1.2 x");
  wall += 10ms;
  CHECK(answer_to(read("a")) == "tombstone 1.2");
  CHECK(counted().misses == 1);
}

TEST_CASE_METHOD(l2_fixture, "what makes no sense is not there, and counted") {
  data["dbs:c:a"] = "garbage";
  CHECK(answer_to(read("a")) == "nothing");
  CHECK(answer_to(read_many({"a", "b"})) == "nothing, nothing");
  CHECK(counted().corrupt == 2);
  CHECK(counted().misses == 3);
  // neither is what is no string
  links.answer = [this](scripted_link& link, const words& command) {
    return command[0] == "GET" ? "-WRONGTYPE Operation against a key\r\n" : serve(link, command);
  };
  CHECK(answer_to(read("a")) == "nothing");
  CHECK(counted().corrupt == 3);
  CHECK(counted().errors == 0);
}

TEST_CASE_METHOD(l2_fixture, "errors of Redis come as they are, and are counted by key") {
  auto before = l2().open_calls();
  links.answer = [](scripted_link&, const words&) { return "-OOM no memory\r\n"; };
  CHECK(answer_to(read("a")) == "query_failed");
  CHECK(answer_to(read_many({"a", "b"})) == "query_failed");
  CHECK(answer_to(write("a", made_stored("x", {1, 2}))) == "query_failed");
  CHECK(counted().errors == 4);
  links.answer = scripted_links::mute;
  links.hang_up(links[0]);
  links.refuse = fail(errc::connection_lost, "connection refused");
  advance(50ms);
  CHECK(answer_to(read("a")) == "connection_lost");
  CHECK(answer_to(erase_tag("a", {1, 2})) == "connection_lost");
  CHECK(answer_to(erase_prefix("a", {1, 2})) == "connection_lost");
  CHECK(counted().errors == 7);
  CHECK(l2().open_calls() == before);
}

TEST_CASE_METHOD(l2_fixture, "without a client of Redis everything fails at once") {
  l2();
  options.redis->down();
  auto token = read("a");
  CHECK(heard[token] == "connection_lost");
  CHECK(!l2().connected());
  CHECK(!l2().optimize());
  options.redis->up(core());
  CHECK(answer_to(read("a")) == "nothing");
  CHECK(l2().connected());
}

TEST_CASE_METHOD(l2_fixture, "a deadline that passes is an answer, and counted by key") {
  silent = {"GET", "MGET", "EVALSHA"};
  auto one = read("a", 5ms);
  auto many = read_many({"a", "b"}, 5ms);
  auto written = write("a", made_stored("x", {1, 2}), 5ms);
  run();
  advance(5ms);
  CHECK(heard[one] == "deadline_exceeded");
  CHECK(heard[many] == "deadline_exceeded");
  CHECK(heard[written] == "in_doubt");
  CHECK(counted().timeouts == 4);
  CHECK(counted().errors == 0);
  CHECK(options.counters->reads.snapshot().count() == 0);
}

TEST_CASE_METHOD(l2_fixture, "a write says what has become of it") {
  CHECK(answer_to(write("a", made_stored("x", {1, 2}))) == "1.2 done");
  script = "*6\r\n:0\r\n:1\r\n:7\r\n:4294967295\r\n:4294967295\r\n:9\r\n";
  CHECK(answer_to(write("a", made_stored("x", {1, 2}))) ==
        std::to_string((uint64_t{7} << 32) + 4294967295) + "." +
            std::to_string((uint64_t{4294967295} << 32) + 9) + " refused had");
  CHECK(counted().writes == 1);
  CHECK(counted().refused_older == 1);
  for (auto* odd : {"+OK\r\n", "*1\r\n:1\r\n", "*6\r\n:1\r\n:0\r\n:0\r\n:-1\r\n:0\r\n:2\r\n"}) {
    script = odd;
    CHECK(answer_to(write("a", made_stored("x", {1, 2}))) == "protocol_error");
  }
}

TEST_CASE_METHOD(l2_fixture, "how long Redis keeps what is written") {
  options.settings.load_timeout = 10s; // erasures are remembered for 30 s
  options.settings.l2_ttl = 300s;
  auto life = [this](const stored_value& what) {
    answer_to(write("a", what));
    return std::chrono::milliseconds{std::stoll(links[0].received.back()[5])};
  };
  auto value = made_stored("x", {1, 2});
  CHECK(life(value) == 0ms);
  value.hard = wall + 1h;
  CHECK(life(value) == 1h);
  value.hard = wall + 1s;
  CHECK(life(value) == 30s);
  value.hard = wall - 1s;
  CHECK(life(value) == 30s);
  CHECK(life(made_tombstone({1, 2})) == 30s);
  value.tags = {"t"};
  value.hard = wall + 100h;
  CHECK(life(value) == 24h);
  value.hard = wall_time::max();
  CHECK(life(value) == 24h);
  answer_to(erase_tag("t", {1, 2}));
  CHECK(std::stoll(links[0].received.back()[5]) == (24h + 30s) / 1ms);
  CHECK(links[0].received.back()[3] == "dbs:t:t");
}

TEST_CASE_METHOD(l2_fixture, "a sink that is forgotten hears nothing more") {
  auto one = read("a");
  auto many = read_many({"a", "b"});
  auto written = write("a", made_stored("x", {1, 2}));
  auto tag = erase_tag("t", {1, 2});
  auto prefix = erase_prefix("p", {1, 2});
  pages = {"*2\r\n$1\r\n7\r\n*0\r\n"};
  l2().forget(heard);
  run();
  for (auto token : {one, many, written, tag, prefix})
    CHECK(heard[token] == "no answer");
  // and the search is not gone on with
  CHECK(links.received("SCAN") == 1);
  CHECK(l2().open_calls() == 0);
}

TEST_CASE_METHOD(l2_fixture, "a level that goes answers everybody, and nobody afterwards") {
  silent = {"GET", "MGET", "EVALSHA", "SCAN"};
  std::vector tokens{read("a"), read_many({"a"}), write("a", made_stored("x", {1, 2})),
                     erase_tag("t", {1, 2}), erase_prefix("p", {1, 2})};
  run();
  destroy_l2();
  for (auto token : tokens)
    CHECK(heard[token] == "restarted");
  CHECK(heard.twice == 0);
  // their replies come to nobody
  silent.clear();
  links.say(links[0],
            "_\r\n*1\r\n_\r\n" + std::string{stored} + stored + "*2\r\n$1\r\n0\r\n*0\r\n");
  CHECK(core().figures().in_flight == 0);
  CHECK(core().up());
}

TEST_CASE_METHOD(l2_fixture, "a client of Redis that goes is an error of each call") {
  silent = {"GET", "MGET"};
  auto one = read("a");
  auto many = read_many({"a", "b"});
  run();
  options.redis->down();
  destroy();
  CHECK(heard[one] == "restarted");
  CHECK(heard[many] == "restarted");
  CHECK(l2().open_calls() == 0);
}

TEST_CASE_METHOD(l2_fixture, "a sink may ask for more when it is answered") {
  put("dbs:c:a", made_stored("x", {1, 2}));
  auto left = 1000;
  heard.then = [&](level_token) {
    if (--left > 0)
      read("a");
  };
  read("a");
  run();
  CHECK(left == 0);
  CHECK(heard.answers.size() == 1000);
  CHECK(l2().open_calls() == 0);
}

TEST_CASE_METHOD(l2_fixture, "whoever waits for the end is told when the last call is answered") {
  auto told = 0;
  l2().when_idle([&] { ++told; });
  CHECK(told == 1);
  auto one = read("a");
  auto two = erase_tag("t", {1, 2});
  l2().when_idle([&] { ++told; });
  CHECK(told == 1);
  CHECK(answer_to(one) == "nothing");
  CHECK(heard[two] == "erased");
  CHECK(told == 2);
}
