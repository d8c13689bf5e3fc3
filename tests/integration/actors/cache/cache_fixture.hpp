// Services whose cache has real servers behind it, run as a program of ours.
#pragma once

#include "dbs/actors/services.hpp"
#include "dbs/messages/error_detail.hpp"
#include "dbs/runtime/caf/program_config.hpp"
#include "dbs/testing/eventually.hpp"
#include "dbs/testing/servers/private_postgres.hpp"
#include "dbs/testing/servers/private_redis.hpp"

#include "integration/actors/children.hpp"

#include <catch2/catch_test_macros.hpp>

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace dbs::tests {

using namespace std::chrono_literals;
using testing::eventually;

/// "l2 abc", "l1 stale abc", "none", or the name of the error.
inline std::string text_of(const caf::expected<cache_value>& what) {
  if (!what)
    return to_string(static_cast<errc>(what.error().code()));
  return to_string(what->source) + (what->stale ? " stale" : "") +
         (what->found ? " " + std::string{what->value.view()} : "");
}

/// For tests that say which level has answered: Redis is in time, however busy the machine is.
inline const std::pair<std::string, std::string> patient_l2{"cache.l2_timeout", "30s"};

/// Services on servers that others may use, too: what a process is to a cluster.
struct cache_node {
  cache_node(const testing::private_postgres& postgres, const testing::private_redis& redis,
             const std::vector<std::pair<std::string, std::string>>& more = {}) {
    config_sources sources;
    sources.flags = {{"database.url", postgres.url()}, {"database.pool_size", "8"},
                     {"redis.url", redis.url()},       {"cache.ttl_jitter", "0"},
                     {"health.interval", "100ms"},     {"log.level", "off"}};
    sources.flags.insert(sources.flags.end(), more.begin(), more.end());
    auto loaded = load_settings(sources);
    if (!loaded)
      throw std::runtime_error(describe(loaded.error()));
    auto made = create_database_services(system, {*loaded, false});
    if (!made)
      throw std::runtime_error(describe(made.error()));
    services = std::make_unique<database_services>(*made);
  }

  void wait_ready() { REQUIRE(services->initialize(30s) == caf::error{}); }

  blocking_cache cache(caf::timespan timeout = 10s) {
    return services->cache().within(timeout).sync(system);
  }

  cache_stats stats() {
    auto result = cache().get_stats();
    REQUIRE(result);
    return *result;
  }

  /// Whether no write waits to be made good. A cache that is just being restarted does
  /// not say.
  bool is_settled() {
    auto result = cache().get_stats();
    return result && result->unsettled == 0;
  }

  health_report health() {
    auto all = services->health().check_health_sync(system);
    REQUIRE(all);
    for (auto& x : all->components)
      if (x.component == "cache")
        return x;
    return {};
  }

  /// What the levels behind memory have.
  caf::expected<cache_value> get_below(const std::string& key, bool load = false) {
    caf::scoped_actor self{system};
    return blocking_ask<cache_value>(self, {10s}, services->cache().actor(), get_atom_v,
                                     cache_get{key, load, false, true});
  }

  program_config config;
  caf::actor_system system{config};
  std::unique_ptr<database_services> services;
};

struct cache_fixture {
  explicit cache_fixture(std::vector<std::pair<std::string, std::string>> more = {})
      : node(postgres, redis, more) {
    node.wait_ready();
  }

  /// What Redis has of a key: seconds to live.
  int64_t redis_ttl(const std::string& key) {
    return std::stoll(redis.cli({"TTL", "dbs:c:" + key}));
  }

  std::string rows(const std::string& where) {
    return postgres.psql("select count(*) from dbs_cache where " + where);
  }

  testing::private_postgres postgres;
  testing::private_redis redis;
  cache_node node;
};

} // namespace dbs::tests
