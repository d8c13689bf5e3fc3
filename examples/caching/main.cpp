// Embeds the cache with a loader that is an actor of one's own. DATABASE_URL and REDIS_URL say
// where the servers are.
#include "station.hpp"

#include "dbs/actors/services.hpp"
#include "dbs/messages/error_detail.hpp"
#include "dbs/messages/init.hpp"

#include <caf/actor_system_config.hpp>
#include <caf/scoped_actor.hpp>

#include <iostream>

using namespace std::chrono_literals;

namespace {

int complain(const caf::error& why) {
  std::cerr << dbs::describe(why) << "\n";
  return 1;
}

} // namespace

int main() {
  dbs::init(); // once, before the actor system
  caf::actor_system_config config;
  caf::actor_system system{config};
  auto services = dbs::get_database_services(system);
  if (!services)
    return complain(services.error());
  auto cache = services->cache();
  caf::scoped_actor self{system};
  auto station = weather::spawn_station(system, cache);
  dbs::cache::namespace_options options;
  options.loader = caf::actor_cast<dbs::cache_loader_actor>(station);
  options.stale_on_error = 1h;
  if (auto refused = cache.register_loader("weather", options))
    return complain(refused);
  auto result = 0;
  for (auto place : {"oslo", "oslo", "atlantis"})
    self->request(station, 10s, caf::get_atom_v, std::string{place})
        .receive([&](const std::string& weather) { std::cout << place << ": " << weather << "\n"; },
                 [&](const caf::error& why) {
                   if (why != dbs::errc::not_found)
                     result = complain(why);
                   else
                     std::cout << dbs::describe(why) << "\n";
                 });
  self->send_exit(station, caf::exit_reason::user_shutdown);
  return result;
}
