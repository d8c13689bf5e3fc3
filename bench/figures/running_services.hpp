// Services inside a benchmark, as a node has them.
#pragma once

#include "dbs/actors/services.hpp"
#include "dbs/runtime/caf/program_config.hpp"

#include <string>
#include <utility>
#include <vector>

namespace dbs::bench {

/// The actor system is set up as dbsd sets up its own, and clients go the whole way
/// of a user's request: front, pool manager, pool. There is no HTTP.
class running_services {
public:
  /// Returns when all managers are ready. Throws `std::runtime_error` if they are
  /// not, or if the settings are wrong.
  explicit running_services(std::vector<std::pair<std::string, std::string>> settings);

  caf::actor_system& system() noexcept { return system_; }

  database_client database() const { return services_.database(); }

  redis_client redis() const { return services_.redis(); }

  cache_client cache() const { return services_.cache(); }

private:
  program_config config_;
  caf::actor_system system_{config_};
  database_services services_;
};

} // namespace dbs::bench
