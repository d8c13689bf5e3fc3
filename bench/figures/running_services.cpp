#include "figures/running_services.hpp"

#include "dbs/messages/error_detail.hpp"

#include <stdexcept>

namespace dbs::bench {

namespace {

constexpr caf::timespan start_limit = std::chrono::seconds{30};

database_services start(caf::actor_system& system,
                        std::vector<std::pair<std::string, std::string>> settings) {
  config_sources sources;
  sources.flags = std::move(settings);
  auto configuration = load_settings(sources);
  if (!configuration)
    throw std::runtime_error(describe(configuration.error()));
  auto services = create_database_services(system, {std::move(*configuration), false});
  if (!services)
    throw std::runtime_error(describe(services.error()));
  if (auto reason = services->initialize(start_limit))
    throw std::runtime_error(describe(reason));
  return std::move(*services);
}

} // namespace

running_services::running_services(std::vector<std::pair<std::string, std::string>> settings)
    : services_(start(system_, std::move(settings))) {}

} // namespace dbs::bench
