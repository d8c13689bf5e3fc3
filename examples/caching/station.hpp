// The actor of an imaginary weather service: it knows what to measure, and the cache what was
// measured.
#pragma once

#include "dbs/actors/client/cache_client.hpp"

#include <caf/actor_system.hpp>
#include <caf/type_id.hpp>
#include <caf/typed_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <string>

namespace weather {

/// `get` says how the weather is at a place; `put` tells of a change. As a loader of the cache it
/// measures what no level has.
using station_actor =
    dbs::cache_loader_actor::extend<caf::result<std::string>(caf::get_atom, std::string),
                                    caf::result<void>(caf::put_atom, std::string, std::string)>;

class station_state {
public:
  static inline const char* name = "weather.station";

  station_state(station_actor::pointer self, dbs::cache_client cache);

  station_actor::behavior_type make_behavior();

private:
  caf::result<std::string> weather_at(const std::string& place);
  caf::result<void> change(const std::string& place, std::string weather);
  dbs::cache_loaded measure(const std::string& key) const;

  station_actor::pointer self_;
  dbs::cache_client cache_;
};

station_actor spawn_station(caf::actor_system& system, dbs::cache_client cache);

} // namespace weather
