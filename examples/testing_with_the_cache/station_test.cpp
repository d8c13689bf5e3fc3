// Tests of the weather station without Redis and PostgreSQL, and on virtual time.
#include "station.hpp"

#include "dbs/messages/error_detail.hpp"
#include "dbs/messages/init.hpp"
#include "dbs/testing/fixture/actor_fixture.hpp"
#include "dbs/testing/scripted/scripted_cache.hpp"

#include <catch2/catch_session.hpp>
#include <catch2/catch_test_macros.hpp>

using namespace std::chrono_literals;
using namespace std::string_literals;

namespace {

struct station_fixture : dbs::testing::actor_fixture {
  dbs::testing::scripted_cache cache{*this};
  weather::station_actor station = track(weather::spawn_station(sys(), cache.client()));
};

} // namespace

TEST_CASE_METHOD(station_fixture, "the station asks the cache, which loads") {
  cache.expect_get_or_load("weather:oslo").answer(dbs::testing::cached("rainy"));
  CHECK(ask<std::string>(station, caf::get_atom_v, "oslo"s) == "rainy"s);
  cache.verify();
}

TEST_CASE_METHOD(station_fixture, "a place that there is not is not found") {
  cache.expect_get_or_load("weather:atlantis");
  auto found = ask<std::string>(station, caf::get_atom_v, "atlantis"s);
  CHECK(found.error() == dbs::errc::not_found);
}

TEST_CASE_METHOD(station_fixture, "the station waits two seconds for the cache") {
  cache.expect_get_or_load("weather:oslo").stay_silent();
  auto found = request<std::string>(station, caf::get_atom_v, "oslo"s);
  advance(1999ms);
  CHECK(!found.answered());
  advance(1ms);
  CHECK(found.get().error() == dbs::errc::deadline_exceeded);
}

TEST_CASE_METHOD(station_fixture, "a change is told to the cache") {
  dbs::cache_put what{"weather:oslo", dbs::blob{"snow"}};
  what.ttl = 10min;
  cache.expect_set(what);
  CHECK(ask<void>(station, caf::put_atom_v, "oslo"s, "snow"s));
  cache.verify();
}

TEST_CASE_METHOD(station_fixture, "as a loader the station measures") {
  auto made =
      ask<dbs::cache_loaded>(station, dbs::load_atom_v, dbs::call_context{}, "weather:oslo"s);
  REQUIRE(made);
  CHECK(made->found);
  CHECK(made->value.view() == "sunny");
  CHECK(made->ttl == 10min);
  auto nothing =
      ask<dbs::cache_loaded>(station, dbs::load_atom_v, dbs::call_context{}, "weather:atlantis"s);
  REQUIRE(nothing);
  CHECK_FALSE(nothing->found);
}

int main(int argc, char** argv) {
  dbs::init();
  return Catch::Session().run(argc, argv);
}
