#include "integration/runtime/cache/l2_node.hpp"

#include <catch2/catch_test_macros.hpp>

#include <random>
#include <thread>

using namespace dbs;
using namespace dbs::cache;
using namespace dbs::test;
using namespace dbs::tests;
using namespace std::chrono_literals;

namespace {

struct fixture {
  std::string write(const std::string& key, const stored_value& what) {
    return node.answer(node.write(key, what));
  }

  std::string fill(const std::string& key, const stored_value& what, const version& seen) {
    return node.answer(node.fill(key, what, seen));
  }

  std::string read(const std::string& key) { return node.answer(node.read(key)); }

  int64_t integer(const std::vector<std::string>& command) {
    return std::stoll(server.cli(command));
  }

  static wall_time in(std::chrono::milliseconds when) {
    return std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now()) + when;
  }

  testing::private_redis server;
  l2_node node{server};
};

} // namespace

TEST_CASE_METHOD(fixture, "L2: what is written is read again, with all that belongs to it") {
  std::mt19937_64 random{5};
  for (int i = 0; i < 300; ++i) {
    auto what = random_stored(random);
    if (what.hard != wall_time::max())
      what.hard = in(1h);
    auto key = "k" + std::to_string(i);
    CHECK(write(key, what).ends_with(" done"));
    read(key);
    CHECK(node.found() == what);
  }
}

TEST_CASE_METHOD(fixture, "L2: what is newer wins, whatever comes last, in all 128 bits") {
  std::vector<version> all;
  for (auto epoch : {uint64_t{0}, uint64_t{1}, uint64_t{UINT32_MAX}})
    for (auto sequence :
         {uint64_t{0}, uint64_t{1}, uint64_t{UINT32_MAX}, uint64_t{UINT32_MAX} + 1,
          uint64_t{UINT32_MAX} + 2, (uint64_t{1} << 53) - 2, (uint64_t{1} << 53) - 1})
      all.push_back({epoch, sequence});
  std::vector<level_token> firsts;
  for (size_t i = 0; i < all.size() * all.size(); ++i)
    firsts.push_back(node.write(std::to_string(i), made_stored("x", all[i / all.size()])));
  for (size_t i = 0; i < firsts.size(); ++i)
    CHECK(node.answer(firsts[i]) == heard_answers::text_of(all[i / all.size()]) + " done");
  std::vector<level_token> seconds;
  for (size_t i = 0; i < firsts.size(); ++i)
    seconds.push_back(node.write(std::to_string(i), made_stored("y", all[i % all.size()])));
  for (size_t i = 0; i < seconds.size(); ++i) {
    auto& there = all[i / all.size()];
    auto& mine = all[i % all.size()];
    CHECK(node.answer(seconds[i]) == heard_answers::text_of(std::max(there, mine)) +
                                         (there < mine ? " done" : " refused") + " had");
  }
}

TEST_CASE_METHOD(fixture, "L2: what was loaded is stored if nothing has happened meanwhile") {
  // nothing was there, and nothing is
  CHECK(fill("a", made_stored("x", {1, 5}), {}) == "1.5 done");
  // somebody else was quicker, with an older version
  CHECK(fill("a", made_stored("y", {1, 6}), {}) == "1.5 refused had");
  CHECK(read("a") == "value 1.5 x");
  // who has seen what is there may
  CHECK(fill("a", made_stored("y", {1, 6}), {1, 5}) == "1.6 done had");
  // but not with something older, or as old
  CHECK(fill("a", made_stored("z", {1, 6}), {1, 6}) == "1.6 refused had");
  CHECK(fill("a", made_stored("z", {1, 4}), {1, 6}) == "1.6 refused had");
  // an erasure came first
  CHECK(write("a", made_tombstone({1, 7})) == "1.7 done had");
  CHECK(fill("a", made_stored("z", {1, 8}), {}) == "1.7 refused");
  CHECK(fill("a", made_stored("z", {1, 8}), {1, 6}) == "1.7 refused");
  CHECK(read("a") == "tombstone 1.7");
  CHECK(fill("a", made_stored("z", {1, 8}), {1, 7}) == "1.8 done");
  CHECK(read("a") == "value 1.8 z");
  auto counted = node.figures();
  CHECK(counted.writes == 4);
  CHECK(counted.refused_older == 5);
}

TEST_CASE_METHOD(fixture, "L2: there was a value before only if it counted") {
  auto negative = made_stored("", {1, 1});
  negative.kind = stored_kind::negative;
  CHECK(write("a", negative) == "1.1 done");
  CHECK(write("a", made_stored("x", {1, 2})) == "1.2 done");
  auto expired = made_stored("x", {1, 3});
  expired.hard = in(-1s);
  CHECK(write("a", expired) == "1.3 done had");
  CHECK(write("a", made_tombstone({1, 4})) == "1.4 done");
  CHECK(write("a", made_tombstone({1, 5})) == "1.5 done");
}

TEST_CASE_METHOD(fixture, "L2: what has expired is gone, and yet kept, lest something old comes") {
  auto what = made_stored("x", {1, 5});
  what.hard = in(50ms);
  CHECK(write("a", what) == "1.5 done");
  CHECK(testing::eventually([&] { return read("a") == "tombstone 1.5"; }));
  CHECK(write("a", made_stored("y", {1, 4})) == "1.5 refused");
  // as long as a load may take
  auto life = integer({"pttl", "dbs:c:a"});
  CHECK(life > 29'000 - 20'000);
  CHECK(life <= 30'000);
  what.hard = in(1h);
  write("b", what);
  CHECK(integer({"pttl", "dbs:c:b"}) > 3'590'000);
  write("c", made_stored("x", {1, 5}));
  CHECK(integer({"pttl", "dbs:c:c"}) == -1);
  write("d", made_tombstone({1, 5}));
  CHECK(integer({"pttl", "dbs:c:d"}) <= 30'000);
  what.tags = {"t"};
  what.hard = in(1000h);
  write("e", what);
  CHECK(integer({"pttl", "dbs:c:e"}) <= 24 * 3'600'000);
  CHECK(node.answer(node.erase_tag("t", {1, 6})) == "erased");
  CHECK(integer({"pttl", "dbs:t:t"}) > 24 * 3'600'000);
}

TEST_CASE("L2: an erasure by tag is seen by another process") {
  testing::private_redis server;
  cache_settings settings;
  settings.l1_ttl = 10ms;
  l2_node here{server, settings};
  l2_node there{server, settings};
  auto read = [](l2_node& who, const std::string& key) { return who.answer(who.read(key)); };
  here.answer(here.write("a", made_stored("x", {1, 5}, {"red", "a*b"})));
  here.answer(here.write("b", made_stored("y", {1, 5}, {"blue"})));
  CHECK(read(there, "a") == "value 1.5 x");
  CHECK(here.answer(here.erase_tag("a*b", {1, 6})) == "erased");
  CHECK(read(here, "a") == "tombstone 1.5");
  CHECK(testing::eventually([&] { return read(there, "a") == "tombstone 1.5"; }));
  CHECK(there.answer(there.read_many({"a", "b", "c"})) == "tombstone 1.5, value 1.5 y, nothing");
  // whoever has seen that may fill
  CHECK(there.answer(there.fill("a", made_stored("z", {1, 7}, {"a*b"}), {1, 5})) == "1.7 done had");
  CHECK(read(here, "a") == "value 1.7 z");
  // an older mark takes nothing back
  CHECK(there.answer(there.erase_tag("a*b", {1, 3})) == "erased");
  here.answer(here.write("c", made_stored("x", {1, 5}, {"a*b"})));
  CHECK(testing::eventually([&] { return read(there, "c") == "tombstone 1.5"; }));
}

TEST_CASE_METHOD(fixture, "L2: a prefix means what it says, whatever characters it has") {
  std::vector<std::string> keys{"a*b:1", "a*b:2", "axb:1", "a[x]:1",
                                "a?:1",  "a\\:1", "a^:1",  "b:1"};
  for (auto& key : keys)
    CHECK(write(key, made_stored("x", {1, 5})) == "1.5 done");
  write("a*b:newer", made_stored("x", {1, 9}));
  auto left = [&] {
    std::string result;
    for (auto& key : keys)
      result += read(key).starts_with("value") ? key + " " : "";
    return result;
  };
  CHECK(node.answer(node.erase_prefix("a*b:", {1, 6})) == "erased");
  CHECK(left() == "axb:1 a[x]:1 a?:1 a\\:1 a^:1 b:1 ");
  CHECK(read("a*b:newer") == "value 1.9 x");
  CHECK(read("a*b:1") == "tombstone 1.6");
  for (auto* prefix : {"a[x]", "a?", "a\\", "a^"})
    CHECK(node.answer(node.erase_prefix(prefix, {1, 6})) == "erased");
  CHECK(left() == "axb:1 b:1 ");
  CHECK(node.answer(node.erase_prefix("", {1, 6})) == "erased");
  CHECK(left().empty());
}

TEST_CASE_METHOD(fixture, "L2: a prefix with many keys among many others") {
  std::vector<level_token> asked;
  for (int i = 0; i < 5000; ++i) {
    asked.push_back(node.write("many:" + std::to_string(i), made_stored("x", {1, 5})));
    asked.push_back(node.write("other:" + std::to_string(i), made_stored("x", {1, 5})));
  }
  for (auto token : asked)
    CHECK(node.answer(token) == "1.5 done");
  auto before = node.figures().writes;
  CHECK(node.answer(node.erase_prefix("many:", {1, 6})) == "erased");
  CHECK(node.figures().writes == before + 5000);
  std::vector<std::string> keys;
  for (int i = 0; i < 5000; ++i)
    keys.push_back("many:" + std::to_string(i));
  CHECK(node.answer(node.read_many(keys)).find("value") == std::string::npos);
  for (auto& key : keys)
    key.replace(0, 4, "other");
  CHECK(node.answer(node.read_many(keys)).find("tombstone") == std::string::npos);
  // by thousands
  CHECK(server.cli({"info", "commandstats"}).find("cmdstat_mget:calls=10,") != std::string::npos);
}

TEST_CASE_METHOD(fixture, "L2: garbage in the place of an entry is nothing, and is overwritten") {
  server.cli({"set", "dbs:c:text", "garbage that is long enough to be a head of something"});
  server.cli({"rpush", "dbs:c:list", "x"});
  server.cli({"set", "dbs:c:short", "\x9a\x01"});
  for (auto* key : {"text", "list", "short"}) {
    CHECK(read(key) == "nothing");
    CHECK(fill(key, made_stored("x", {1, 1}), {}) == "1.1 done");
    CHECK(read(key) == "value 1.1 x");
  }
  CHECK(node.figures().corrupt == 3);
  CHECK(node.figures().errors == 0);
}

TEST_CASE_METHOD(fixture, "L2: what can be compressed takes less in Redis") {
  std::string text;
  for (int i = 0; text.size() < 1'000'000; ++i)
    text += "{\"id\": " + std::to_string(i) + ", \"name\": \"somebody\"}, ";
  write("a", made_stored(text, {1, 1}));
  CHECK(integer({"strlen", "dbs:c:a"}) < 400'000);
  CHECK(read("a") == "value 1.1 " + text);
}

TEST_CASE_METHOD(fixture, "L2: the largest value there may be") {
  std::mt19937_64 random{3};
  std::string noise;
  while (noise.size() < cache_settings{}.max_value_bytes)
    noise += static_cast<char>(random());
  CHECK(write("a", made_stored(noise, {1, 1})) == "1.1 done");
  CHECK(read("a") == "value 1.1 " + noise);
}

TEST_CASE("L2: writers who race for one key leave the highest version, whoever comes last") {
  testing::private_redis server;
  l2_node here{server};
  l2_node there{server};
  constexpr uint64_t count = 2000;
  auto race = [&](l2_node& who, uint64_t first) {
    std::vector<uint64_t> order;
    for (auto i = first; i < count; i += 2)
      order.push_back(i);
    std::shuffle(order.begin(), order.end(), std::mt19937_64{first});
    std::vector<level_token> asked;
    for (auto i : order)
      asked.push_back(who.write("a", made_stored(std::to_string(i), {i / 100, i % 100})));
    size_t done = 0;
    for (auto token : asked)
      done += who.answer(token).find(" done") != std::string::npos ? 1 : 0;
    return done;
  };
  size_t done_there = 0;
  std::thread other{[&] { done_there = race(there, 1); }};
  auto done_here = race(here, 0);
  other.join();
  CHECK(done_here > 0);
  CHECK(done_there > 0);
  CHECK(here.answer(here.read("a")) == "value 19.99 1999");
}

TEST_CASE_METHOD(fixture, "L2: Redis is killed, and comes back empty") {
  CHECK(write("a", made_stored("x", {1, 1})) == "1.1 done");
  CHECK(node.health().status == health_status::healthy);
  server.kill();
  CHECK(testing::eventually([&] { return read("a") == "connection_lost"; }));
  CHECK(node.health().status == health_status::degraded);
  CHECK(write("a", made_stored("x", {1, 2})) == "connection_lost");
  CHECK(node.answer(node.erase_prefix("a", {1, 2})) == "connection_lost");
  server.start();
  CHECK(testing::eventually([&] { return read("a") == "nothing"; }));
  // and knows no script
  CHECK(write("a", made_stored("y", {1, 1})) == "1.1 done");
  CHECK(read("a") == "value 1.1 y");
  CHECK(node.health().status == health_status::healthy);
}

TEST_CASE_METHOD(fixture, "L2: Redis is paused: deadlines hold, what was sent is in doubt") {
  CHECK(write("a", made_stored("x", {1, 1})) == "1.1 done");
  server.pause();
  auto begun = std::chrono::steady_clock::now();
  auto one = node.read("a", 5ms);
  auto two = node.write("a", made_stored("y", {1, 2}), 5ms);
  CHECK(node.answer(one) == "deadline_exceeded");
  CHECK(node.answer(two) == "in_doubt");
  CHECK(std::chrono::steady_clock::now() - begun < 1s);
  server.resume();
  CHECK(testing::eventually([&] { return read("a") == "value 1.2 y"; }));
  CHECK(node.figures().timeouts >= 2);
}

TEST_CASE_METHOD(fixture, "L2: the level ends while it is asked, and begins anew") {
  write("a", made_stored("x", {1, 1})); // now Redis knows the script
  server.pause();
  auto one = node.read("a");
  auto two = node.write("a", made_stored("y", {1, 2}));
  node.wait_asked();
  node.end_level();
  CHECK(node.answer(one) == "restarted");
  CHECK(node.answer(two) == "restarted");
  CHECK(read("a") == "no level");
  server.resume();
  node.start_level();
  CHECK(testing::eventually([&] { return read("a") == "value 1.2 y"; }));
}

TEST_CASE_METHOD(fixture, "L2: Redis' client ends while it is asked, and begins anew") {
  server.pause();
  auto one = node.read("a");
  auto two = node.erase_prefix("a", {1, 2});
  node.wait_asked();
  node.end_redis();
  CHECK(node.answer(one) == "restarted");
  CHECK(node.answer(two) == "restarted");
  CHECK(read("a") == "connection_lost");
  CHECK(node.health().status == health_status::degraded);
  server.resume();
  node.start_redis();
  CHECK(read("a") == "nothing");
  CHECK(node.health().status == health_status::healthy);
}
