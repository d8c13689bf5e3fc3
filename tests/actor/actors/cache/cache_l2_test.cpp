#include "dbs/actors/cache/cache_l2.hpp"

#include "dbs/actors/redis/redis.hpp"

#include "actor/actors/log_text.hpp"
#include "actor/actors/redis/scripted_redis.hpp"
#include "unit/runtime/cache/heard_answers.hpp"

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
    level = spawn();
    start_redis();
    REQUIRE(ask<void>(level, start_atom_v, call_context{}));
  }

  ~fixture() {
    // Before those go whom it answers.
    caf::anon_send_exit(level, caf::exit_reason::kill);
    run();
  }

  cache_l2_state::actor_type spawn() {
    return track(spawn_cache_l2(
        loop(), {cache_settings{}, redis_link, level_link, tuning_link, counters, metrics, log}));
  }

  void start_redis() {
    redis_settings settings;
    settings.target.address = {"127.0.0.1", peer.port()};
    settings.pool_min = 1;
    settings.pool_max = 1;
    redis = track(spawn_redis(loop(), {settings, metrics, log, {}, redis_link}));
    auto started = request<void>(redis, start_atom_v, call_context{});
    REQUIRE(until([&] { return started.answered(); }));
  }

  void read(cache::level_token token, caf::timespan timeout) {
    // In a turn of the loop, as the cache does.
    loop().io().post(
        [this, token, by = now() + timeout] { level_link->get()->read("a", by, heard, token); });
    run();
  }

  /// Runs everything until the condition holds. Sockets are real, so this waits.
  template <class Predicate>
  bool until(Predicate holds) {
    return testing::eventually([&] {
      run();
      return holds();
    });
  }

  health_report health() { return *ask<health_report>(level, health_atom_v, call_context{}); }

  /// What has been logged so far.
  const std::string& lines() {
    log->flush(); // it writes on a thread of its own
    return *logged;
  }

  template <class T>
  T metric(const std::string& name) {
    for (auto& x : metrics->collect())
      if (x.name == name)
        return std::get<T>(x.series.at(0).value);
    FAIL("no metric " << name);
    return {};
  }

  static std::string never_reads(const scripted_redis::command& words) {
    return words[0] == "GET" ? "" : scripted_redis::obliging(words);
  }

  static std::string has_nothing(const scripted_redis::command& words) {
    return words[0] == "GET" ? "_\r\n" : scripted_redis::obliging(words);
  }

  scripted_redis peer{loop().io()};
  test::heard_answers heard;
  std::shared_ptr<loop_link<redis::redis_core>> redis_link =
      std::make_shared<loop_link<redis::redis_core>>();
  std::shared_ptr<loop_link<cache::cache_level>> level_link =
      std::make_shared<loop_link<cache::cache_level>>();
  std::shared_ptr<loop_link<cache::l2_core>> tuning_link =
      std::make_shared<loop_link<cache::l2_core>>();
  std::shared_ptr<cache::level_counters> counters = std::make_shared<cache::level_counters>();
  std::shared_ptr<observe::registry> metrics = std::make_shared<observe::registry>();
  std::shared_ptr<std::string> logged = std::make_shared<std::string>();
  std::shared_ptr<observe::logger> log = make_log(logged);
  redis_state::actor_type redis;
  cache_l2_state::actor_type level;
};

} // namespace

TEST_CASE_METHOD(fixture, "the level is there while it lives, and answers whoever asks") {
  peer.answer_with(has_nothing);
  CHECK(tuning_link->get() != nullptr);
  read(1, 1s);
  REQUIRE(until([&] { return heard[1] == "nothing"; }));
  CHECK(health().status == health_status::healthy);
  caf::anon_send_exit(level, caf::exit_reason::kill);
  run();
  CHECK(level_link->get() == nullptr);
  CHECK(tuning_link->get() == nullptr);
  // the next one goes on with the counters
  level = spawn();
  REQUIRE(ask<void>(level, start_atom_v, call_context{}));
  read(2, 1s);
  REQUIRE(until([&] { return heard[2] == "nothing"; }));
  advance(1s);
  CHECK(metric<uint64_t>("dbs_cache_l2_misses_total") == 2);
  CHECK(counters->counted.misses == 2);
}

TEST_CASE_METHOD(fixture, "whoever asks when the level dies is told") {
  peer.answer_with(never_reads);
  read(1, 1s);
  caf::anon_send_exit(level, caf::exit_reason::kill);
  run();
  CHECK(heard[1] == "restarted");
}

TEST_CASE_METHOD(fixture,
                 "whoever asks when Redis' client dies is told, and the next one is found") {
  peer.answer_with(never_reads);
  read(1, 1s);
  caf::anon_send_exit(redis, caf::exit_reason::kill);
  run();
  CHECK(heard[1] == "restarted");
  CHECK(health().status == health_status::degraded);
  CHECK(health().detail == "redis does not answer");
  read(2, 1s);
  CHECK(heard[2] == "connection_lost");
  peer.answer_with(has_nothing);
  start_redis();
  read(3, 1s);
  REQUIRE(until([&] { return heard[3] == "nothing"; }));
  CHECK(health().status == health_status::healthy);
}

TEST_CASE_METHOD(fixture, "time that has passed while Redis' client did nothing is not counted") {
  peer.answer_with(has_nothing);
  // what is refused gives the client nothing to do
  read(1, 0ms);
  CHECK(heard[1] == "deadline_exceeded");
  advance(900ms);
  read(2, 5ms);
  REQUIRE(until([&] { return heard[2] == "nothing"; }));
  CHECK(counters->reads.snapshot().max() < 5ms);
  CHECK(metric<observe::histogram_snapshot>("dbs_redis_command_seconds").max() < 5ms);
}

TEST_CASE_METHOD(fixture, "a level that drains ends what was begun") {
  peer.answer_with(never_reads);
  read(1, 1s);
  auto drained = request<void>(level, drain_atom_v, call_context{});
  auto again = request<void>(level, drain_atom_v, call_context{});
  run();
  CHECK(level_link->get() == nullptr);
  CHECK(!drained.answered());
  CHECK(ask<void>(level, start_atom_v, call_context{}).error() == errc::draining);
  advance(1s);
  CHECK(heard[1] == "deadline_exceeded");
  CHECK(drained.get());
  CHECK(again.get());
  CHECK(ask<void>(level, drain_atom_v, call_context{}));
}

TEST_CASE_METHOD(fixture, "a drain waits no longer than its deadline") {
  peer.answer_with(never_reads);
  read(1, 1s);
  call_context context;
  context.deadline = now() + 100ms;
  auto drained = request<void>(level, drain_atom_v, context);
  run();
  CHECK(!drained.answered());
  advance(100ms);
  CHECK(drained.get());
}

TEST_CASE_METHOD(fixture, "a Redis that is slow is told of, once, and so is that it is over") {
  peer.answer_with(never_reads);
  for (cache::level_token i = 1; i <= 10; ++i) {
    read(i, 5ms);
    advance(5ms);
    CHECK(heard[i] == "deadline_exceeded");
  }
  CHECK(health().status == health_status::degraded);
  advance(2s);
  CHECK(metric<uint64_t>("dbs_cache_l2_timeouts_total") == 10);
  CHECK(lines().find("redis is slow for the cache") != std::string::npos);
  advance(30s);
  CHECK(lines().find("redis is quick enough again") != std::string::npos);
}

TEST_CASE_METHOD(fixture, "the level has statistics, and no size") {
  auto stats = ask<stats_report>(level, stats_atom_v, call_context{});
  REQUIRE(stats);
  CHECK(stats->component == "cache.l2");
  CHECK(stats->fields.size() == 8);
  CHECK(ask<void>(level, resize_atom_v, call_context{}, resize_request{"x", 1}).error() ==
        errc::invalid_argument);
}
