// The code in docs/cache.md, run against real servers.
#include "integration/actors/cache/cache_fixture.hpp"

#include <caf/event_based_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

using namespace std::chrono_literals;

namespace {

/// Has no members by the names that the examples use.
class fixture {
public:
  dbs::database_services& services() const { return *scene_.node.services; }

  caf::actor_system& host() { return scene_.node.system; }

  void run_sql(const std::string& text) const { scene_.postgres.psql(text); }

  /// Runs `body(self)` in an actor and waits for the actor's end.
  template <class Body>
  void in_an_actor(Body body) {
    auto actor = host().spawn([&body](caf::event_based_actor* self) { body(self); });
    caf::scoped_actor waiter{host()};
    waiter->wait_for(actor);
  }

private:
  dbs::tests::cache_fixture scene_;
};

void on_error(const caf::error& why) {
  FAIL_CHECK(dbs::describe(why));
}

dbs::cache_loader_actor::behavior_type weather_loader() {
  return {[](dbs::load_atom, const dbs::call_context&,
             const std::string& key) -> caf::result<dbs::cache_loaded> {
    dbs::cache_loaded result;
    result.found = key != "weather:nowhere";
    if (result.found)
      result.value = dbs::blob{"sunny"};
    result.ttl = 30s;
    return result;
  }};
}

} // namespace

TEST_CASE_METHOD(fixture, "docs/cache.md: setting and reading") {
  std::string name;
  in_an_actor([&](caf::event_based_actor* self) {
    auto cache = services().cache();
    cache.set(self, "user:1", "Ada")
        .then(
            [&, self, cache] {
              cache.get(self, "user:1")
                  .then(
                      [&](const dbs::cache_value& user) {
                        if (user)
                          name = user.value.view();
                      },
                      on_error);
            },
            on_error);
  });
  CHECK(name == "Ada");
  auto cache = services().cache();
  auto greeting = [&cache] {
    std::string user;
    if (cache.find("user:1", user)) // memory alone: on any thread, no message
      return "hello, " + user;
    return std::string{"who is there?"};
  };
  CHECK(greeting() == "hello, Ada");
}

TEST_CASE_METHOD(fixture, "docs/cache.md: how long, with which tags, how far") {
  auto stored = false;
  in_an_actor([&](caf::event_based_actor* self) {
    auto cache = services().cache();
    dbs::cache_put lamp{"product:42", dbs::blob{"lamp"}};
    lamp.ttl = 60s;
    lamp.tags = {"shop", "sale"};
    lamp.reach = dbs::cache_reach::l3;
    cache.set(self, std::move(lamp)).then([&] { stored = true; }, on_error);
  });
  CHECK(stored);
  auto gone = false;
  in_an_actor([&](caf::event_based_actor* self) {
    auto cache = services().cache();
    cache.invalidate_tag(self, "sale").then([&] { gone = true; }, on_error);
  });
  CHECK(gone);
  std::vector<std::string> removed;
  in_an_actor([&](caf::event_based_actor* self) {
    auto cache = services().cache();
    cache.erase(self, "user:1").then([&](bool) { removed.emplace_back("a key"); }, on_error);
    cache.invalidate_prefix(self, "product:4")
        .then([&] { removed.emplace_back("a prefix"); }, on_error);
    cache.clear(self, "product").then([&] { removed.emplace_back("a namespace"); }, on_error);
  });
  CHECK(removed.size() == 3);
}

TEST_CASE_METHOD(fixture, "docs/cache.md: SQL as a loader") {
  run_sql("create table product (id bigint, name text); insert into product values (42, 'lamp')");
  std::string product;
  in_an_actor([&](caf::event_based_actor* self) {
    auto cache = services().cache();
    dbs::cache::namespace_options products;
    products.loader = dbs::cache::sql_loader{"select name from product where id = $1::bigint"};
    products.ttl = 10min;
    products.stale_while_revalidate = 1min;
    products.stale_on_error = 1h;
    if (auto refused = cache.register_loader("product", products))
      return on_error(refused);
    cache.get_or_load(self, "product:42")
        .then([&](const dbs::cache_value& found) { product = found.value.view(); }, on_error);
  });
  CHECK(product == "lamp");
}

TEST_CASE_METHOD(fixture, "docs/cache.md: functions and actors as loaders") {
  auto cache = services().cache();
  dbs::cache::namespace_options squares;
  squares.loader = [](const std::string& key) -> caf::expected<dbs::cache_loaded> {
    auto number = std::stoi(key.substr(key.find(':') + 1)); // may block, on a thread for that
    dbs::cache_loaded result;
    result.found = true;
    result.value = dbs::blob{std::to_string(number * number)};
    return result;
  };
  CHECK(!cache.register_loader("square", squares));
  auto& system = host();
  dbs::cache::namespace_options weather;
  weather.loader = dbs::cache_loader_actor{system.spawn(weather_loader)};
  weather.negative_ttl = 5s;
  CHECK(!cache.register_loader("weather", weather));
  auto blocking = cache.within(2s).sync(system); // for plain threads, never in an actor
  auto square = blocking.get_or_load("square:12");
  CHECK((square && square->value.view() == "144"));
  auto here = blocking.get_or_load("weather:here");
  CHECK((here && here->value.view() == "sunny"));
  auto nowhere = blocking.get_or_load("weather:nowhere");
  CHECK((nowhere && !nowhere->found));
}

TEST_CASE_METHOD(fixture, "docs/cache.md: a loader for one call") {
  std::string report;
  in_an_actor([&](caf::event_based_actor* self) {
    auto cache = services().cache();
    std::string month{"november"};
    dbs::cache::namespace_options here;
    here.node_local = true; // memory of this process alone
    if (auto refused = cache.register_loader("report", here))
      return on_error(refused);
    auto draw = [month](const std::string&) -> caf::expected<dbs::cache_loaded> {
      return dbs::cache_loaded{true, dbs::blob{"the report of " + month}, {}, {}};
    };
    cache.get_or_load(self, "report:" + month, draw)
        .then([&](const dbs::cache_value& found) { report = found.value.view(); }, on_error);
  });
  CHECK(report == "the report of november");
}
