// The cache while servers hang, die and come back empty, and while its own children crash.
#include "integration/actors/cache/cache_fixture.hpp"

#include <atomic>
#include <thread>

using namespace dbs;
using namespace dbs::tests;
using clock_type = std::chrono::steady_clock;

namespace {

/// Threads that read and load keys, and say what they have seen.
class crowd {
public:
  crowd(cache_node& node, int threads) {
    cache::namespace_options options;
    options.loader = [](const std::string& key) -> caf::expected<cache_loaded> {
      cache_loaded result;
      result.found = true;
      result.value = blob{"of " + key};
      return result;
    };
    REQUIRE(!node.services->cache().register_loader("f", options));
    for (auto i = 0; i < threads; ++i)
      threads_.emplace_back([this, &node, i] { run(node, i); });
  }

  ~crowd() { stop(); }

  void stop() {
    stop_ = true;
    for (auto& x : threads_)
      x.join();
    threads_.clear();
  }

  /// Waits for so many more answers.
  bool more(uint64_t answers) {
    auto goal = answered + answers;
    return eventually([&] { return answered >= goal; }, 20'000ms);
  }

  std::atomic<uint64_t> answered{0};
  std::atomic<uint64_t> wrong{0};
  std::atomic<uint64_t> late{0};
  std::atomic<uint64_t> restarted{0};
  std::atomic<uint64_t> other{0};

private:
  static constexpr auto limit = 2s;

  void run(cache_node& node, int number) {
    auto cache = node.cache(limit);
    for (auto i = 0; !stop_; ++i) {
      // Old keys and new ones, so that all levels have work.
      auto key = "f:" + std::to_string(i % 3 == 0 ? number * 1'000'000 + i : i % 50);
      auto began = clock_type::now();
      auto what = cache.get_or_load(key);
      if (clock_type::now() - began > limit + 1s)
        ++late;
      if (what)
        wrong += what->value.view() != "of " + key;
      else
        ++(what.error() == errc::restarted ? restarted : other);
      ++answered;
    }
  }

  std::atomic<bool> stop_{false};
  std::vector<std::thread> threads_;
};

} // namespace

TEST_CASE("every read is answered in time while Redis is paused, killed, and comes back empty") {
  // A busy machine is not to count as a slow Redis.
  cache_fixture f{{{"cache.l2_timeout", "50ms"}}};
  crowd all{f.node, 4};
  REQUIRE(all.more(500));
  SECTION("paused") {
    f.redis.pause();
    CHECK(all.more(200));
    // The cache says so, and PostgreSQL's health is its own.
    CHECK(eventually([&] { return f.node.health().status == health_status::degraded; }));
    f.redis.resume();
  }
  SECTION("killed") {
    f.redis.kill();
    CHECK(all.more(500));
    CHECK(eventually([&] { return f.node.health().status == health_status::degraded; }));
    f.redis.start();
  }
  SECTION("restarted empty") {
    f.redis.restart();
    CHECK(all.more(500));
  }
  CHECK(eventually([&] { return f.node.health().status == health_status::healthy; }));
  CHECK(all.more(500));
  all.stop();
  CHECK(all.wrong == 0);
  CHECK(all.late == 0);
  CHECK(all.restarted == 0);
  CHECK(all.other == 0);
}

TEST_CASE("a hung Redis costs a read its timeout, and then the next level answers") {
  cache_fixture f;
  cache_put what{"k", blob{"abc"}};
  what.reach = cache_reach::l3;
  REQUIRE(!f.node.cache().set(what));
  f.redis.pause();
  std::vector<clock_type::duration> took;
  for (auto i = 0; i < 20; ++i) {
    auto began = clock_type::now();
    CHECK(text_of(f.node.get_below("k")) == "l3 abc");
    took.push_back(clock_type::now() - began);
  }
  f.redis.resume();
  std::sort(took.begin(), took.end());
  // The timeout is 5 ms; the rest is for the table and a busy machine.
  CHECK(took[10] >= 5ms);
  CHECK(took[10] < 50ms);
}

TEST_CASE("what is written while Redis is away is not undone when it is back") {
  cache_fixture f{{{"cache.l3_enabled", "false"}}};
  auto cache = f.node.cache();
  REQUIRE(!cache.set({"erased", blob{"old"}}));
  REQUIRE(!cache.set({"put", blob{"old"}}));
  REQUIRE(!cache.set({"failed", blob{"old"}}));
  f.redis.pause();
  CHECK(cache.erase("erased", cache_reach::l1));
  cache_put what{"put", blob{"new"}};
  what.reach = cache_reach::l1;
  CHECK(!cache.set(what));
  auto failed = f.node.cache(100ms).set({"failed", blob{"new"}});
  CHECK(failed == errc::in_doubt);
  CHECK(text_of(cache.get("erased")) == "none");
  CHECK(text_of(cache.get("put")) == "l1 new");
  CHECK(text_of(cache.get("failed")) == "none");
  f.redis.resume();
  CHECK(eventually([&] { return f.node.is_settled(); }));
  CHECK(text_of(f.node.get_below("erased")) == "none");
  CHECK(text_of(f.node.get_below("failed")) == "none");
  CHECK(text_of(f.node.get_below("put")) != "l2 old");
}

TEST_CASE("every read is answered in time while PostgreSQL is paused, killed, and back") {
  cache_fixture f{{{"cache.l3_timeout", "200ms"}}};
  cache_put stored{"plain", blob{"abc"}};
  stored.reach = cache_reach::l3;
  REQUIRE(!f.node.cache().set(stored));
  crowd all{f.node, 4};
  REQUIRE(all.more(500));
  auto cache = f.node.cache(2s);
  auto ask = [&](const std::string& key) {
    auto began = clock_type::now();
    auto result = text_of(f.node.get_below(key));
    CHECK(clock_type::now() - began < 1s);
    return result;
  };
  SECTION("paused") {
    f.postgres.pause();
    CHECK(ask("plain") == "l2 abc");
    CHECK(ask("nowhere") == "none");
    f.postgres.resume();
  }
  SECTION("killed") {
    f.postgres.kill();
    CHECK(ask("plain") == "l2 abc");
    CHECK(ask("nowhere") == "none");
    f.postgres.start();
  }
  CHECK(all.more(500));
  CHECK(eventually([&] { return f.node.health().status == health_status::healthy; }));
  CHECK(eventually([&] {
    f.redis.cli({"FLUSHALL"});
    return text_of(f.node.get_below("plain")) == "l3 abc";
  }));
  all.stop();
  CHECK(all.wrong == 0);
  CHECK(all.late == 0);
  CHECK(all.other == 0);
}

TEST_CASE("a level that crashes costs time alone, and the cache itself is back at once") {
  cache_fixture f;
  crowd all{f.node, 4};
  auto of_cache = false;
  for (auto id : {"cache.l1", "cache.l2", "cache.l3", "cache", "redis"}) {
    INFO(id);
    REQUIRE(all.more(200));
    auto before = child(*f.node.services, id).incarnation;
    crash(*f.node.services, id);
    CHECK(eventually([&] {
      auto x = child(*f.node.services, id);
      return x.incarnation > before && x.state == child_state::up;
    }));
    CHECK(all.more(200));
    // Only who had asked the cache itself is told.
    of_cache = of_cache || std::string{id} == "cache";
    if (!of_cache)
      CHECK(all.restarted == 0);
  }
  all.stop();
  CHECK(all.wrong == 0);
  CHECK(all.late == 0);
  CHECK(all.other == 0);
}

TEST_CASE("what the cache had not finished when it crashed is finished") {
  cache_fixture f{{{"cache.l3_enabled", "false"}}};
  auto cache = f.node.cache();
  REQUIRE(!cache.set({"k", blob{"old"}}));
  f.redis.pause();
  CHECK(cache.erase("k", cache_reach::l1));
  crash(*f.node.services, "cache");
  f.redis.resume();
  CHECK(eventually([&] { return f.node.is_settled(); }));
  CHECK(text_of(f.node.get_below("k")) == "none");
}
