#include "station.hpp"

#include "dbs/messages/error_detail.hpp"

#include <caf/stateful_actor.hpp>

#include <chrono>

using namespace std::chrono_literals;

namespace weather {

station_state::station_state(station_actor::pointer self, dbs::cache_client cache)
    : self_(self), cache_(cache.within(2s)) {}

station_actor::behavior_type station_state::make_behavior() {
  return {
      [this](dbs::load_atom, const dbs::call_context&, const std::string& key) {
        return measure(key);
      },
      [this](caf::get_atom, const std::string& place) { return weather_at(place); },
      [this](caf::put_atom, const std::string& place, std::string& weather) {
        return change(place, std::move(weather));
      },
  };
}

/// Many who ask at the same time for a place that nobody knows wait for one measurement.
caf::result<std::string> station_state::weather_at(const std::string& place) {
  auto promise = self_->make_response_promise<std::string>();
  cache_.get_or_load(self_, "weather:" + place)
      .then(
          [promise, place](const dbs::cache_value& what) mutable {
            if (what)
              promise.deliver(std::string{what.value.view()});
            else
              promise.deliver(dbs::fail(dbs::errc::not_found, "there is no place " + place));
          },
          [promise](const caf::error& why) mutable { promise.deliver(why); });
  return promise;
}

/// When this is answered, nobody in this process reads the weather of before.
caf::result<void> station_state::change(const std::string& place, std::string weather) {
  auto promise = self_->make_response_promise<void>();
  dbs::cache_put what{"weather:" + place, dbs::blob{weather}};
  what.ttl = 10min;
  cache_.set(self_, std::move(what))
      .then([promise]() mutable { promise.deliver(); },
            [promise](const caf::error& why) mutable { promise.deliver(why); });
  return promise;
}

dbs::cache_loaded station_state::measure(const std::string& key) const {
  dbs::cache_loaded result;
  result.found = key != "weather:atlantis";
  if (result.found)
    result.value = dbs::blob{"sunny"};
  result.ttl = 10min;
  return result;
}

station_actor spawn_station(caf::actor_system& system, dbs::cache_client cache) {
  return system.spawn<caf::stateful_actor<station_state, station_actor::impl>>(std::move(cache));
}

} // namespace weather
