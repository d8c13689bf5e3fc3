// What callers see of the cache on real servers.
#include "integration/actors/cache/cache_fixture.hpp"

#include <caf/typed_event_based_actor.hpp>

#include <thread>

using namespace dbs;
using namespace dbs::tests;

namespace {

struct fixture : cache_fixture {
  fixture() : cache_fixture{{patient_l2}} {
    postgres.psql("create table product (id bigint primary key, name text, picture bytea)");
    postgres.psql("insert into product values (1, 'lamp', '\\x00ff'), (2, null, null)");
  }

  void register_loader(const std::string& name, cache::cache_loader loader) {
    cache::namespace_options options;
    options.loader = std::move(loader);
    REQUIRE(!node.services->cache().register_loader(name, options));
  }
};

/// Loads what the key says, in the name of an actor.
cache_loader_actor::behavior_type echoing_loader() {
  return {[](load_atom, const call_context&, const std::string& key) -> caf::result<cache_loaded> {
    if (key.ends_with("fails"))
      return fail(errc::query_failed, "as it was told");
    if (key.ends_with("nothing"))
      return cache_loaded{};
    return cache_loaded{true, blob{"of " + key}};
  }};
}

} // namespace

TEST_CASE_METHOD(fixture, "cache three levels: what is set is on all of them, and read from each") {
  auto cache = node.cache();
  cache_put what{"user:1", blob{"abc"}};
  what.reach = cache_reach::l3;
  REQUIRE(!cache.set(what));
  CHECK(text_of(cache.get("user:1")) == "l1 abc");
  CHECK(text_of(node.get_below("user:1")) == "l2 abc");
  auto ttl = redis_ttl("user:1");
  CHECK(ttl > 290);
  CHECK(ttl <= 300);
  CHECK(rows("key = 'user:1'") == "1");
  // without Redis' copy the table has it, and Redis gets it back
  redis.cli({"FLUSHALL"});
  CHECK(text_of(node.get_below("user:1")) == "l3 abc");
  CHECK(eventually([&] { return redis_ttl("user:1") > 290; }));
  CHECK(text_of(node.get_below("user:1")) == "l2 abc");
  // gone is gone everywhere
  CHECK(cache.erase("user:1", cache_reach::l3) == true);
  CHECK(text_of(cache.get("user:1")) == "none");
  redis.cli({"FLUSHALL"});
  CHECK(text_of(node.get_below("user:1")) == "none");
}

TEST_CASE_METHOD(fixture, "values of any bytes and sizes come back as they were") {
  auto cache = node.cache();
  for (size_t size : {0, 1, 1000, 1025, 70'000, 16 * 1024 * 1024}) {
    std::string value(size, 'x');
    for (size_t i = 0; i < size; i += 3)
      value[i] = static_cast<char>(i * 2654435761U >> 13);
    cache_put what{"bytes", blob{value}};
    what.reach = cache_reach::l3;
    REQUIRE(!cache.set(what));
    auto l2 = node.get_below("bytes");
    REQUIRE(l2);
    CHECK(l2->source == cache_source::l2);
    CHECK(l2->value.view() == value);
    redis.cli({"FLUSHALL"});
    auto l3 = node.get_below("bytes");
    REQUIRE(l3);
    CHECK(l3->source == cache_source::l3);
    CHECK(l3->value.view() == value);
  }
  CHECK(cache.set({"bytes", blob{std::string(16 * 1024 * 1024 + 1, 'x')}}) ==
        errc::payload_too_large);
}

TEST_CASE_METHOD(fixture, "SQL loads what no level has") {
  register_loader("product", cache::sql_loader{"select name from product where id = $1::bigint"});
  register_loader("picture",
                  cache::sql_loader{"select picture from product where id = $1::bigint"});
  register_loader("pair", cache::sql_loader{"select $1 || '/' || $2", 2});
  register_loader("wrong", cache::sql_loader{"select 1, $1"});
  auto cache = node.cache();
  CHECK(text_of(cache.get_or_load("product:1")) == "loader lamp");
  CHECK(text_of(cache.get_or_load("product:1")) == "l1 lamp");
  CHECK(eventually([&] { return redis_ttl("product:1") > 0; }));
  CHECK(text_of(cache.get_or_load("product:2")) == "loader");
  CHECK(text_of(cache.get_or_load("product:3")) == "loader");
  CHECK(text_of(cache.get_or_load("product:3")) == "l1");
  CHECK(text_of(cache.get_or_load("picture:1")) == "loader " + std::string{"\0\xff", 2});
  CHECK(text_of(cache.get_or_load("pair:a:b:c")) == "loader a/b:c");
  CHECK(text_of(cache.get_or_load("pair:a")) == "invalid_argument");
  CHECK(text_of(cache.get_or_load("product:x")) == "query_failed");
  CHECK(text_of(cache.get_or_load("wrong:1")) == "invalid_argument");
  CHECK(text_of(cache.get_or_load("nobody:1")) == "not_found");
  // a namespace that is loaded is not kept in the table
  CHECK(rows("true") == "0");
}

TEST_CASE_METHOD(fixture, "actors and functions load, too") {
  auto loader = node.system.spawn(echoing_loader);
  register_loader("actor", loader);
  register_loader("function", [](const std::string& key) -> caf::expected<cache_loaded> {
    if (key == "function:throws")
      throw std::runtime_error("as it was told");
    cache_loaded result;
    result.found = true;
    result.value = blob{"from " + key};
    return result;
  });
  auto cache = node.cache();
  CHECK(text_of(cache.get_or_load("actor:1")) == "loader of actor:1");
  CHECK(text_of(cache.get_or_load("actor:nothing")) == "loader");
  CHECK(text_of(cache.get_or_load("actor:fails")) == "query_failed");
  CHECK(text_of(cache.get_or_load("function:1")) == "loader from function:1");
  CHECK(text_of(cache.get_or_load("function:throws")) == "query_failed");
  caf::anon_send_exit(loader, caf::exit_reason::user_shutdown);
  CHECK(eventually([&] { return text_of(cache.get_or_load("actor:2")) == "restarted"; }));
}

TEST_CASE_METHOD(fixture, "a call brings its own loader, for what this process alone has") {
  cache::namespace_options options;
  options.node_local = true;
  REQUIRE(!node.services->cache().register_loader("here", options));
  auto cache = node.cache();
  auto calls = 0;
  auto found = [&](std::string_view value) -> cache_load_function {
    return [&calls, value](const std::string&) -> caf::expected<cache_loaded> {
      ++calls;
      return cache_loaded{true, blob{value}, {}, {}};
    };
  };
  CHECK(text_of(cache.get_or_load("here:1", found("abc"))) == "loader abc");
  CHECK(text_of(cache.get_or_load("here:1", found("def"))) == "l1 abc");
  CHECK(calls == 1);
  CHECK(redis_ttl("here:1") == -2);
  CHECK(rows("true") == "0");
  auto throwing = [](const std::string&) -> caf::expected<cache_loaded> {
    throw std::runtime_error("as it was told");
  };
  CHECK(text_of(cache.get_or_load("here:2", throwing)) == "query_failed");
  CHECK(text_of(cache.get_or_load("there:1", found("abc"))) == "invalid_argument");
  // whatever memory has
  CHECK(!cache.set({"there:1", blob{"abc"}}));
  CHECK(text_of(cache.get_or_load("there:1", found("abc"))) == "invalid_argument");
  CHECK(text_of(cache.get_or_load("here:1", {})) == "invalid_argument");
  // a function does not survive a way over the network
  caf::scoped_actor self{node.system};
  auto empty = blocking_ask<cache_value>(self, {10s}, node.services->cache().actor(), get_atom_v,
                                         cache_get_with{{"here:3", true}, {}});
  CHECK(text_of(empty) == "invalid_argument");
  // Redis is not needed
  redis.pause();
  CHECK(text_of(cache.get_or_load("here:4", found("ghi"))) == "loader ghi");
  auto erased = cache.erase("here:4", cache_reach::l3);
  REQUIRE(erased);
  CHECK(*erased);
  redis.resume();
}

TEST_CASE_METHOD(fixture, "many keys are read at once, in their order") {
  auto cache = node.cache();
  REQUIRE(!cache.mset({{"a", blob{"1"}}, {"b", blob{"2"}}}));
  auto all = cache.mget({"b", "none", "a", "b"});
  REQUIRE(all);
  REQUIRE(all->size() == 4);
  CHECK(text_of((*all)[0]) == "l1 2");
  CHECK(text_of((*all)[1]) == "none");
  CHECK(text_of((*all)[2]) == "l1 1");
  CHECK(text_of((*all)[3]) == "l1 2");
  // what memory does not have takes one command to Redis and one statement
  std::vector<std::string> keys;
  for (auto i = 0; i < 100; ++i)
    keys.push_back("key" + std::to_string(i));
  auto commands = [this] {
    auto info = redis.cli({"INFO", "commandstats"});
    auto at = info.find("cmdstat_mget:calls=");
    return at == std::string::npos ? 0 : std::stoi(info.substr(at + 19));
  };
  auto before = commands();
  REQUIRE(cache.mget(keys));
  CHECK(commands() == before + 1);
}

TEST_CASE_METHOD(fixture, "tags and prefixes are invalidated on all levels") {
  auto cache = node.cache();
  for (auto key : {"shop:1", "shop:2", "other:1"}) {
    cache_put what{key, blob{"x"}};
    what.reach = cache_reach::l3;
    if (std::string{key} != "shop:2")
      what.tags = {"red"};
    REQUIRE(!cache.set(what));
  }
  REQUIRE(!cache.invalidate_tag("red"));
  CHECK(text_of(cache.get("shop:1")) == "none");
  CHECK(text_of(cache.get("other:1")) == "none");
  CHECK(text_of(cache.get("shop:2")) == "l1 x");
  REQUIRE(!cache.invalidate_prefix("shop:"));
  CHECK(text_of(cache.get("shop:2")) == "none");
  redis.cli({"FLUSHALL"});
  for (auto key : {"shop:1", "shop:2", "other:1"})
    CHECK(text_of(node.get_below(key)) == "none");
  // and what comes behind is there
  cache_put what{"shop:1", blob{"y"}};
  what.tags = {"red"};
  REQUIRE(!cache.set(what));
  CHECK(text_of(cache.get("shop:1")) == "l1 y");
  CHECK(text_of(node.get_below("shop:1")) == "l2 y");
}

TEST_CASE_METHOD(fixture, "statistics say what happened, and sizes change while it runs") {
  auto cache = node.cache();
  REQUIRE(!cache.set({"k", blob{"abc"}}));
  for (auto i = 0; i < 3; ++i)
    CHECK(text_of(cache.get("k")) == "l1 abc");
  CHECK(text_of(cache.get("none")) == "none");
  auto stats = node.stats();
  CHECK(stats.l1.hits == 3);
  CHECK(stats.l1.misses == 1);
  CHECK(stats.l1.hit_rate == 0.75);
  CHECK(stats.l2.misses == 1);
  CHECK(stats.l3.misses == 1);
  CHECK(stats.entries == 1);
  CHECK(stats.capacity == 1000);
  CHECK_FALSE(stats.warming_accuracy);
  auto sizes = cache.tune({2000, true});
  REQUIRE(sizes);
  CHECK(sizes->l1_size == 2000);
  CHECK(sizes->l2_connections >= 5);
  CHECK(sizes->l2_connections_min == 5);
  CHECK(sizes->l2_connections_max == 50);
  CHECK(node.stats().capacity == 2000);
  CHECK(text_of(cache.get("k")) == "l1 abc");
  auto refused = cache.tune({0, false});
  CHECK(refused.error() == errc::invalid_argument);
}

TEST_CASE("l3 disabled: the table is neither made nor asked") {
  cache_fixture f{{patient_l2, {"cache.l3_enabled", "false"}}};
  CHECK(f.postgres.psql("select count(*) from pg_class where relname like 'dbs_cache%'") == "0");
  cache_put what{"k", blob{"abc"}};
  what.reach = cache_reach::l3;
  REQUIRE(!f.node.cache().set(what));
  f.redis.cli({"FLUSHALL"});
  CHECK(text_of(f.node.get_below("k")) == "none");
  CHECK(child(*f.node.services, "cache.l3").id.empty());
}

TEST_CASE("l1 capacity: memory keeps as many entries as it was told") {
  cache_fixture f{{{"cache.l1_size", "64"}, {"cache.l3_enabled", "false"}}};
  auto cache = f.node.cache();
  for (auto i = 0; i < 500; ++i)
    REQUIRE(!cache.set({"k" + std::to_string(i), blob{"x"}}));
  auto stats = f.node.stats();
  CHECK(stats.entries <= 64);
  CHECK(stats.entries >= 32);
  CHECK(stats.evictions >= 436);
}

TEST_CASE("what one process writes, another one sees within cache.l1_ttl") {
  cache_fixture f{{patient_l2, {"cache.l1_ttl", "200ms"}}};
  cache_node other{f.postgres, f.redis, {patient_l2, {"cache.l1_ttl", "200ms"}}};
  other.wait_ready();
  auto here = f.node.cache();
  auto there = other.cache();
  REQUIRE(!here.set({"k", blob{"1"}}));
  CHECK(text_of(there.get("k")) == "l2 1");
  for (auto round = 2; round < 12; ++round) {
    auto& writer = round % 2 == 0 ? here : there;
    auto& reader = round % 2 == 0 ? there : here;
    REQUIRE(reader.get("k"));
    REQUIRE(!writer.set({"k", blob{std::to_string(round)}}));
    auto written = std::chrono::steady_clock::now();
    std::string seen;
    CHECK(eventually([&] {
      seen = text_of(reader.get("k"));
      return seen.ends_with(" " + std::to_string(round));
    }));
    // The coarse clock, and a machine that stands still, may add to it.
    CHECK(std::chrono::steady_clock::now() - written < 1s);
  }
}
