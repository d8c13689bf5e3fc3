// A node inside the test: services whose socket dbsctl is pointed at, and whose
// servers the test stops and starts.
#pragma once

#include "integration/apps/command.hpp"

#include "dbs/actors/services.hpp"
#include "dbs/messages/error_detail.hpp"
#include "dbs/testing/servers/private_postgres.hpp"
#include "dbs/testing/servers/private_redis.hpp"
#include "dbs/testing/servers/temporary_directory.hpp"

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace dbs::tests {

struct embedded_node {
  /// Starts the services; does not wait until they are ready.
  void start() {
    config_sources sources;
    sources.flags = {
        {"database.url", postgres.url()}, {"redis.url", redis.url()},   {"http.port", "0"},
        {"http.socket", socket},          {"health.interval", "100ms"}, {"log.level", "off"}};
    sources.flags.insert(sources.flags.end(), more_flags.begin(), more_flags.end());
    auto loaded = load_settings(sources);
    if (!loaded)
      throw std::runtime_error(describe(loaded.error()));
    auto made = create_database_services(system, {*loaded, true});
    if (!made)
      throw std::runtime_error(describe(made.error()));
    services = std::make_unique<database_services>(*made);
  }

  void start_and_wait() {
    start();
    auto failed = services->initialize(std::chrono::seconds{30});
    INFO(describe(failed));
    REQUIRE(!failed);
  }

  outcome ctl(const std::string& arguments) const {
    return run(bin + "/dbsctl --socket " + socket + " " + arguments);
  }

  /// Settings beyond those that a node needs.
  std::vector<std::pair<std::string, std::string>> more_flags;
  testing::temporary_directory directory{"node"};
  std::string socket = (directory.path() / "dbsd.sock").string();
  testing::private_postgres postgres;
  testing::private_redis redis;
  caf::actor_system_config config;
  caf::actor_system system{config};
  std::unique_ptr<database_services> services;
};

} // namespace dbs::tests
