// The third level on a real PostgreSQL: what is stored, who wins, what is erased.
#include "integration/actors/cache/l3_fixture.hpp"

#include "dbs/runtime/cache/limits.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <random>

using namespace dbs;
using namespace dbs::cache;
using namespace dbs::tests;
using Catch::Matchers::ContainsSubstring;
using fixture = l3_fixture;

TEST_CASE_METHOD(fixture, "a value comes back as it was stored, with all that belongs to it") {
  auto& there = node();
  std::mt19937 random{7};
  std::string bytes(100'000, '\0');
  for (auto& c : bytes)
    c = static_cast<char>(random());
  stored_value full;
  full.vers = {(uint64_t{1} << 63) - 1, (uint64_t{1} << 63) - 1};
  full.soft = there.wall() + 1min;
  full.hard = there.wall() + 2min;
  full.tags = {"plain", "with \"quotes\", {braces} and \\", "NULL", " "};
  full.value = blob{bytes};
  auto done = there.write("full:ключ '\"\\%_", full);
  REQUIRE(done);
  CHECK(done->done);
  CHECK(done->vers == full.vers);
  CHECK_FALSE(done->had_value);
  auto found = there.read("full:ключ '\"\\%_");
  REQUIRE(found);
  REQUIRE(*found);
  CHECK(**found == full);

  auto forever = a_value("", {1, 1});
  REQUIRE(there.write("empty", forever));
  CHECK(**there.read("empty") == forever);
  auto negative = a_value("because", {1, 2});
  negative.kind = stored_kind::negative;
  REQUIRE(there.write("negative", negative));
  CHECK(**there.read("negative") == negative);
  auto tombstone = a_tombstone({1, 3});
  REQUIRE(there.write("gone", tombstone));
  CHECK(**there.read("gone") == tombstone);
  CHECK(text_of(there.read("never")) == "none");
}

TEST_CASE_METHOD(fixture, "the newer one wins, whichever comes first") {
  auto& there = node();
  REQUIRE(there.write("k", a_value("five", {1, 5})));
  auto older = there.write("k", a_value("four", {1, 4}));
  REQUIRE(older);
  CHECK_FALSE(older->done);
  CHECK(older->vers == version{1, 5});
  CHECK(older->had_value);
  CHECK(text_of(there.read("k")) == "five");
  auto same = there.write("k", a_value("five again", {1, 5}));
  CHECK_FALSE(same->done);
  // the epoch counts before the sequence
  auto newer = there.write("k", a_value("new epoch", {2, 1}));
  CHECK(newer->done);
  CHECK(newer->had_value);
  CHECK(text_of(there.read("k")) == "new epoch");
  auto erased = there.write("k", a_tombstone({2, 2}));
  CHECK(erased->done);
  CHECK(erased->had_value);
  auto late = there.write("k", a_value("late", {2, 1}));
  CHECK_FALSE(late->done);
  CHECK_FALSE(late->had_value);
  CHECK(late->vers == version{2, 2});
  CHECK(text_of(there.read("k")) == "tombstone");
}

TEST_CASE_METHOD(fixture, "a fill is stored over what the loader has seen, and nothing else") {
  auto& there = node();
  SECTION("nothing, and there is nothing") {
    CHECK(there.fill("k", a_value("x", {1, 1}), {})->done);
    CHECK(text_of(there.read("k")) == "x");
  }
  SECTION("nothing, and there is a tombstone") {
    REQUIRE(there.write("k", a_tombstone({1, 1})));
    auto filled = there.fill("k", a_value("x", {1, 2}), {});
    CHECK_FALSE(filled->done);
    CHECK(filled->vers == version{1, 1});
    CHECK(text_of(there.read("k")) == "tombstone");
    // one that has seen it may
    CHECK(there.fill("k", a_value("x", {1, 2}), {1, 1})->done);
  }
  SECTION("something, and there is something else") {
    REQUIRE(there.write("k", a_value("old", {1, 1})));
    REQUIRE(there.write("k", a_value("new", {1, 2})));
    CHECK_FALSE(there.fill("k", a_value("x", {1, 3}), {1, 1})->done);
    CHECK(text_of(there.read("k")) == "new");
  }
  SECTION("something, and there is nothing") {
    auto filled = there.fill("k", a_value("x", {1, 3}), {1, 1});
    CHECK_FALSE(filled->done);
    CHECK(filled->vers == version{});
    CHECK(text_of(there.read("k")) == "none");
  }
  SECTION("it is older") {
    REQUIRE(there.write("k", a_value("old", {1, 5})));
    CHECK_FALSE(there.fill("k", a_value("x", {1, 4}), {1, 5})->done);
  }
}

TEST_CASE_METHOD(fixture, "what has expired is not there, and still keeps what is older away") {
  auto& there = node();
  auto brief = a_value("brief", {1, 5});
  brief.hard = there.wall() + 1s;
  REQUIRE(there.write("k", brief));
  CHECK(text_of(there.read("k")) == "brief");
  there.ahead = 2000;
  // with its version, so that a fill can say what it has seen
  CHECK(text_of(there.read("k")) == "tombstone");
  auto older = there.write("k", a_value("older", {1, 4}));
  CHECK_FALSE(older->done);
  CHECK_FALSE(older->had_value);
  // a loader that began before must not bring it back either
  CHECK_FALSE(there.fill("k", a_value("older", {1, 6}), {})->done);
  there.ahead = 2000 + erasure_ttl(settings).count();
  CHECK(there.fill("k", a_value("older", {1, 4}), {})->done);
  CHECK(text_of(there.read("k")) == "older");
}

TEST_CASE_METHOD(fixture, "many keys are one statement, however many ask") {
  auto& there = node();
  std::vector<std::string> keys;
  for (int i = 0; i < 500; ++i)
    keys.push_back("k:" + std::to_string(i));
  std::vector<stored_value> values;
  for (int i = 0; i < 500; ++i)
    values.push_back(a_value(std::to_string(i), {1, 1}));
  auto before = there.stat("statements");
  std::vector<std::future<written>> writes(500);
  // in one turn of the loop
  std::promise<void> asked;
  there.loop.io().post([&] {
    for (size_t i = 0; i < 500; ++i) {
      auto promise = std::make_shared<std::promise<written>>();
      writes[i] = promise->get_future();
      there.link->get()->write(keys[i], values[i], there.deadline(), there.sink,
                               there.sink.open<level_write>(promise));
    }
    asked.set_value();
  });
  asked.get_future().wait();
  for (auto& x : writes)
    CHECK(x.get()->done);
  CHECK(there.stat("statements") == before + 1);
  keys.push_back("absent");
  keys.push_back(keys.front()); // twice
  auto found = there.read_all(keys);
  REQUIRE(found);
  REQUIRE(found->size() == 502);
  for (size_t i = 0; i < 500; ++i) {
    REQUIRE((*found)[i]);
    CHECK((*found)[i]->value.view() == std::to_string(i));
  }
  CHECK_FALSE((*found)[500]);
  CHECK((*found)[501]->value.view() == "0");
  CHECK(there.stat("statements") == before + 2);
  CHECK(there.stat("hits") == 501);
  CHECK(there.stat("misses") == 1);
}

TEST_CASE_METHOD(fixture, "more keys and bytes than a statement takes come all the same") {
  limits.statement_keys = 10;
  limits.statement_bytes = 1000;
  auto& there = node();
  std::vector<std::string> keys;
  for (int i = 0; i < 35; ++i) {
    keys.push_back(std::to_string(i));
    REQUIRE(there.write(keys.back(), a_value(std::string(600, 'x') + keys.back(), {1, 1}))->done);
  }
  auto found = there.read_all(keys);
  REQUIRE(found);
  for (size_t i = 0; i < keys.size(); ++i) {
    INFO(i);
    REQUIRE((*found)[i]);
    CHECK((*found)[i]->value.view() == std::string(600, 'x') + keys[i]);
  }
  // of 1200 bytes at most in one answer, two rows
  CHECK(there.stat("statements") > 35 + 35 / 2);
}

TEST_CASE_METHOD(fixture, "a prefix is taken as it is, and what is newer stays") {
  auto& there = node();
  limits.erase_rows = 3;
  auto small = make_node();
  REQUIRE(small->start());
  std::vector<std::string> meant{"a%:1", "a%:2", "a%", "a%:\xf4\x8f\xbf\xbf", "a%:é", "a%z", "a%~"};
  std::vector<std::string> others{"a", "ab:1", "a&", "a$", "A%:1", "b", "a_:1"};
  for (auto& key : meant)
    REQUIRE(there.write(key, a_value("x", {1, 1})));
  for (auto& key : others)
    REQUIRE(there.write(key, a_value("x", {1, 1})));
  REQUIRE(there.write("a%:new", a_value("new", {1, 9})));
  REQUIRE(small->erase_prefix("a%", {1, 5}));
  for (auto& key : meant) {
    INFO(key);
    auto found = there.read(key);
    CHECK(text_of(found) == "tombstone");
    CHECK((*found)->vers == version{1, 5});
  }
  for (auto& key : others) {
    INFO(key);
    CHECK(text_of(there.read(key)) == "x");
  }
  CHECK(text_of(there.read("a%:new")) == "new");
  CHECK(small->stat("rows.erased") == 7);
  CHECK(small->stat("statements") == 1 + 3); // the cleaning, and three pieces
  REQUIRE(there.erase_prefix("", {1, 8}));
  CHECK(text_of(there.read("b")) == "tombstone");
  CHECK(text_of(there.read("a%:new")) == "new");
}

TEST_CASE_METHOD(fixture, "a tag is taken as it is, and what is newer stays") {
  auto& there = node();
  std::string odd = R"(it's {"odd", \ %_})";
  REQUIRE(there.write("1", a_value("x", {1, 1}, {"red", odd})));
  REQUIRE(there.write("2", a_value("x", {1, 1}, {"red"})));
  REQUIRE(there.write("3", a_value("x", {1, 9}, {odd})));
  REQUIRE(there.write("4", a_value("x", {1, 1})));
  REQUIRE(there.erase_tag(odd, {1, 5}));
  CHECK(text_of(there.read("1")) == "tombstone");
  CHECK(text_of(there.read("2")) == "x");
  CHECK(text_of(there.read("3")) == "x");
  CHECK(text_of(there.read("4")) == "x");
}

TEST_CASE_METHOD(fixture, "an erasure gets what was written just before") {
  auto& there = node();
  for (uint64_t round = 0; round < 50; ++round) {
    std::promise<void> asked;
    auto put = std::make_shared<std::promise<written>>();
    auto gone = std::make_shared<std::promise<caf::expected<void>>>();
    auto value = a_value("x", {1, 2 * round + 1});
    auto key = "k" + std::to_string(round);
    there.loop.io().post([&] {
      auto& level = *there.link->get();
      level.write(key, value, there.deadline(), there.sink, there.sink.open<level_write>(put));
      level.erase_prefix("k", {1, 2 * round + 2}, there.deadline(), there.sink,
                         there.sink.open<void>(gone));
      asked.set_value();
    });
    asked.get_future().wait();
    REQUIRE(put->get_future().get()->done);
    REQUIRE(gone->get_future().get());
    REQUIRE(text_of(there.read(key)) == "tombstone");
  }
}

TEST_CASE_METHOD(fixture, "what need not be kept is deleted, and nothing else") {
  limits.clean_rows = 10;
  limits.clean_interval = 100ms;
  auto& there = node();
  auto brief = a_value("brief", {1, 1});
  brief.hard = there.wall() + 1s;
  for (int i = 0; i < 35; ++i)
    REQUIRE(there.write("brief:" + std::to_string(i), brief));
  REQUIRE(there.write("gone", a_tombstone({1, 1})));
  REQUIRE(there.write("stays", a_value("x", {1, 1})));
  there.ahead = erasure_ttl(settings).count() - 1000;
  CHECK(text_of(there.read("gone")) == "tombstone");
  CHECK(server.psql("select count(*) from dbs_cache") == "37");
  there.ahead = erasure_ttl(settings).count() + 1000;
  CHECK(testing::eventually(
      [&] { return server.psql("select string_agg(key, ' ') from dbs_cache") == "stays"; }));
  CHECK(testing::eventually([&] { return there.stat("rows.cleaned") == 36; }));
}

TEST_CASE_METHOD(fixture, "what the table cannot hold is refused by name, and harms nobody") {
  auto& there = node();
  auto refused = [&](const std::string& key, const stored_value& what) {
    auto result = there.write(key, what);
    return result ? "stored" : describe(result.error());
  };
  CHECK(refused("", a_value("x", {1, 1})) == "invalid_argument: the key is empty");
  CHECK(refused(std::string(513, 'k'), a_value("x", {1, 1})) ==
        "invalid_argument: the key has 513 bytes, 512 are allowed");
  CHECK(refused(std::string("a\0b", 3), a_value("x", {1, 1})) ==
        "invalid_argument: the key contains a zero byte");
  CHECK(refused("\xff", a_value("x", {1, 1})) == "invalid_argument: the key is not UTF-8");
  CHECK_THAT(refused("k", a_value("x", {1, uint64_t{1} << 63})),
             ContainsSubstring("a version beyond 2^63-1"));
  CHECK_THAT(refused("k", a_value("x", {uint64_t{1} << 63, 1})),
             ContainsSubstring("a version beyond 2^63-1"));
  CHECK_THAT(refused("k", a_value("x", {1, 1}, {"\xc3"})), ContainsSubstring("a tag is not UTF-8"));
  CHECK_THAT(refused("k", a_value("x", {1, 1}, std::vector<std::string>(17, "t"))),
             ContainsSubstring("17 tags, 16 are allowed"));
  auto far = a_value("x", {1, 1});
  far.hard = wall_time::max() - 1ms;
  CHECK_THAT(refused("k", far), ContainsSubstring("the hard expiry is outside"));
  CHECK_THAT(refused("k", a_value(std::string(settings.max_value_bytes + 1, 'x'), {1, 1})),
             ContainsSubstring("payload_too_large"));
  auto many = there.read_all({"good", "\xff"});
  CHECK(describe(many.error()) == "invalid_argument: key 1 is not UTF-8");
  CHECK(there.erase_prefix("\xff", {1, 1}).error() == errc::invalid_argument);
  CHECK(there.erase_tag("", {1, 1}).error() == errc::invalid_argument);
  CHECK(server.psql("select count(*) from dbs_cache") == "0");
  CHECK(there.read_all(std::vector<std::string>{})->empty());
}

TEST_CASE_METHOD(fixture, "a row whose columns make no sense is not there, and is replaced") {
  auto& there = node();
  server.psql("insert into dbs_cache values ('k', -1, 1, 0, null, null, 'infinity', null, 'x'),"
              " ('l', 1, 1, 7, null, null, 'infinity', null, 'x'),"
              " ('m', 1, 1, 0, null, null, 'infinity', '{a,null}', 'x')");
  auto found = there.read_all({"k", "l", "m"});
  REQUIRE(found);
  CHECK_FALSE((*found)[0]);
  CHECK_FALSE((*found)[1]);
  CHECK_FALSE((*found)[2]);
  CHECK(there.stat("corrupt") == 3);
  CHECK(there.write("k", a_value("right", {1, 1}))->done);
  CHECK(text_of(there.read("k")) == "right");
}
