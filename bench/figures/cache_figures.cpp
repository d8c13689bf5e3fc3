// Reads through the cache: what memory has through its handle, what Redis has, what the table
// has, against raw hiredis, bare requests and the stack that this replaces.
#include "figures/all.hpp"
#include "figures/echo.hpp"
#include "figures/owned_actor.hpp"
#include "figures/running_services.hpp"
#include "figures/servers.hpp"
#include "harness/closed_loop.hpp"
#include "peers/hiredis.hpp"
#include "peers/kv.hpp"
#include "peers/programs.hpp"

#include "dbs/messages/error_detail.hpp"

#include <fmt/core.h>

#include <atomic>
#include <memory>
#include <random>

namespace dbs::bench {

namespace {

constexpr int callers = 64;

/// Which key comes next.
using next_key = std::function<std::string()>;

/// One read of the levels behind memory, or of all; see `caller`.
struct cache_read {
  cache_actor cache;
  next_key next;
  cache_source expected;

  template <class Turn>
  void operator()(caf::event_based_actor* self, Turn turn) {
    auto beyond_l1 = expected != cache_source::l1;
    mail(self, get_atom_v, call_context{}, cache_get{next(), false, false, beyond_l1})
        .request(cache, caf::infinite)
        .then(
            [turn, source = expected](const cache_value& x) {
              if (x.source == source && x.value.size() == 100)
                turn.done();
              else
                turn.failed("a key is not where it should be, but at " + to_string(x.source));
            },
            [turn](const caf::error& reason) { turn.failed(describe(reason)); });
  }
};

std::string key_of(uint64_t number) {
  return "kv:" + std::to_string(number);
}

next_key random_keys(int caller) {
  return [keys = std::minstd_rand{static_cast<uint32_t>(caller + 1)}]() mutable {
    return key_of(1 + keys() % kv_rows);
  };
}

/// Servers, and services before them whose cache has all keys in Redis.
class cache_scene {
public:
  cache_scene() {
    fill_redis(servers_.redis().host(), servers_.redis().port());
    auto cache = services_.cache().sync(services_.system());
    std::vector<cache_put> entries;
    for (uint64_t i = 1; i <= kv_rows; ++i) {
      cache_put what{key_of(i), blob{std::string(100, 'x')}};
      what.ttl = std::chrono::hours{1};
      entries.push_back(std::move(what));
      if (entries.size() < 1000)
        continue;
      if (auto failed = cache.mset(std::exchange(entries, {})))
        throw std::runtime_error(describe(failed));
    }
  }

  load_summary read(int how_many) {
    return closed_loop(services_.system(), how_many, window{}, [this](int number) {
      return cache_read{services_.cache().actor(), random_keys(number), cache_source::l2};
    });
  }

  /// One key that memory has.
  load_summary read_one(int how_many) {
    if (!services_.cache().sync(services_.system()).get(key_of(kv_rows)))
      throw std::runtime_error("a key has no value");
    return closed_loop(services_.system(), how_many, window{}, [this](int) {
      return cache_read{services_.cache().actor(), [] { return key_of(kv_rows); },
                        cache_source::l1};
    });
  }

  running_services& services() noexcept { return services_; }

  std::string host() const { return servers_.redis().host(); }
  uint16_t port() const { return servers_.redis().port(); }
  const testing::private_postgres& postgres() const { return servers_.postgres(); }

private:
  static std::vector<std::pair<std::string, std::string>> settings(const servers& from) {
    auto result = from.settings();
    result.emplace_back("cache.l3_enabled", "false");
    // A machine that stands still for a moment must not send reads elsewhere, nor time.
    result.emplace_back("cache.l2_timeout", "1s");
    result.emplace_back("cache.l1_ttl", "1h");
    return result;
  }

  servers servers_;
  running_services services_{settings(servers_)};
};

class l2_against_async : public duel {
protected:
  double ours() override { return scene_.read(callers).per_second; }
  double peer() override { return peer_.run(window{}).per_second; }

private:
  cache_scene scene_;
  hiredis_async peer_{scene_.host(), scene_.port(), callers};
};

class l2_single_caller : public duel {
protected:
  double ours() override { return scene_.read(1).p50_us; }
  double peer() override { return peer_.run(window{}).p50_us; }

private:
  cache_scene scene_;
  hiredis_sync peer_{scene_.host(), scene_.port()};
};

class l2_against_python : public duel {
public:
  l2_against_python(const char* loop, const char* mode) : loop_(loop), mode_(mode) {}

protected:
  double ours() override { return scene_.read(callers).per_second; }
  double peer() override {
    return python_stack(loop_, mode_, scene_.host(), scene_.port(), scene_.postgres(), callers,
                        kv_rows, window{});
  }

private:
  const char* loop_;
  const char* mode_;
  cache_scene scene_;
};

/// Of the actor handle.
class l1_handle : public duel {
protected:
  double ours() override { return scene_.read_one(1).per_second; }
  double peer() override {
    return closed_loop(scene_.services().system(), 1, window{},
                       [this](int) { return echo_request{echo_.get()}; })
        .per_second;
  }

private:
  cache_scene scene_;
  owned_actor<echo_actor> echo_ = spawn_echo(scene_.services().system());
};

/// Every key once: the table has it, Redis does not, and gets it.
class l3_against_python : public duel {
public:
  l3_against_python() {
    auto& postgres = servers_.postgres();
    postgres.psql(fmt::format("INSERT INTO kv SELECT i, rpad(i::text, 100, 'x') "
                              "FROM generate_series({}, {}) i",
                              kv_rows + 1, rows));
    postgres.psql(fmt::format(
        "INSERT INTO dbs_cache (key, epoch, sequence, kind, soft, hard, keep_until, value) "
        "SELECT 'kv:' || k, 1, 1, 0, now() + interval '1 day', now() + interval '1 day', "
        "now() + interval '1 day', v::bytea FROM kv"));
    postgres.psql("VACUUM ANALYZE kv");
    postgres.psql("VACUUM ANALYZE dbs_cache");
  }

protected:
  double ours() override {
    servers_.redis().cli({"FLUSHALL"});
    std::atomic<uint64_t> asked{0};
    auto result = closed_loop(services_.system(), callers, window{}, [this, &asked](int) {
      return cache_read{services_.cache().actor(), [&asked] { return key_of(++asked); },
                        cache_source::l3};
    });
    if (asked > rows)
      throw std::runtime_error("there were not enough keys");
    return result.per_second;
  }

  double peer() override {
    servers_.redis().cli({"FLUSHALL"});
    return python_stack("asyncio", "l3", servers_.redis().host(), servers_.redis().port(),
                        servers_.postgres(), callers, rows, window{});
  }

private:
  static constexpr int rows = 600'000;

  static std::vector<std::pair<std::string, std::string>> settings(const servers& from) {
    auto result = from.settings();
    result.emplace_back("database.pool_size", "8");
    result.emplace_back("cache.l2_timeout", "1s");
    result.emplace_back("cache.l3_timeout", "10s");
    return result;
  }

  servers servers_;
  running_services services_{settings(servers_)};
};

} // namespace

std::vector<figure> cache_figures() {
  auto stack = "dict + redis.asyncio + asyncpg";
  auto one_core = placement::one_core;
  return {
      {"cache_l1_handle", "op/s", one_core, "bare CAF request", ">= 0.625", make<l1_handle>()},
      {"cache_l2_64_callers_vs_hiredis", "op/s", one_core,
       "raw asynchronous hiredis, 64 outstanding", ">= 0.5", make<l2_against_async>()},
      {"cache_l2_64_callers_vs_redis_asyncio", "op/s", one_core, "redis.asyncio, uvloop", ">= 10",
       make<l2_against_python>("uvloop", "redis")},
      {"cache_l2_1_caller", "us p50", one_core, "raw synchronous hiredis", "<= 3",
       make<l2_single_caller>()},
      {"cache_l2_64_callers_vs_stack", "op/s", placement::free, stack, ">= 7",
       make<l2_against_python>("asyncio", "l2")},
      {"cache_l2_64_callers_vs_stack_uvloop", "op/s", placement::free,
       "dict + redis.asyncio + asyncpg, uvloop", "", make<l2_against_python>("uvloop", "l2")},
      {"cache_l3_64_callers_vs_stack", "op/s", placement::free, stack, ">= 8",
       make<l3_against_python>()},
  };
}

} // namespace dbs::bench
