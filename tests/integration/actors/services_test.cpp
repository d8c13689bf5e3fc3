// The composition root on real servers: start, crash, shutdown, sharing.
#include "dbs/actors/services.hpp"

#include "integration/actors/children.hpp"
#include "integration/actors/postgres_listener/listener_fixture.hpp"

#include "dbs/messages/error_detail.hpp"
#include "dbs/testing/eventually.hpp"
#include "dbs/testing/servers/private_postgres.hpp"
#include "dbs/testing/servers/private_redis.hpp"
#include "dbs/testing/servers/temporary_directory.hpp"

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <thread>

using namespace dbs;
using dbs::tests::child;
using dbs::tests::crash;
using namespace std::chrono_literals;

namespace {

struct fixture {
  services_options options(const std::string& name = "dbsd") {
    config_sources sources;
    sources.flags = {{"database.url", postgres.url()},
                     {"redis.url", redis.url()},
                     {"http.port", "0"},
                     {"http.socket", (directory.path() / (name + ".sock")).string()},
                     {"health.interval", "100ms"},
                     {"log.file", (directory.path() / (name + ".log")).string()}};
    auto loaded = load_settings(sources);
    if (!loaded)
      throw std::runtime_error(describe(loaded.error()));
    return {std::move(*loaded), true};
  }

  database_services create(const std::string& name = "dbsd") {
    auto result = create_database_services(system, options(name));
    if (!result)
      throw std::runtime_error(describe(result.error()));
    return *result;
  }

  std::string log(const std::string& name = "dbsd") {
    std::ifstream in{directory.path() / (name + ".log")};
    return {std::istreambuf_iterator<char>{in}, {}};
  }

  health_status overall(const database_services& services) {
    auto health = services.health().check_health_sync(system);
    REQUIRE(health);
    return health->overall;
  }

  testing::temporary_directory directory{"services"};
  testing::private_postgres postgres;
  testing::private_redis redis;
  caf::actor_system_config config;
  caf::actor_system system{config};
};

} // namespace

TEST_CASE_METHOD(fixture, "services come up, serve and shut down") {
  auto services = create();
  CHECK(services.initialize(30s) == caf::error{});
  auto rows = services.database().sync(system).execute("select $1::int", 42);
  REQUIRE(rows);
  CHECK(rows->row(0).get<int32_t>(0) == 42);
  CHECK(overall(services) == health_status::healthy);
  CHECK(services.http_port() != 0);
  services.shutdown();
  auto refused = services.database().sync(system).execute("select 1");
  REQUIRE(!refused);
  CHECK(refused.error() == errc::draining);
  // A backend takes its time to end.
  CHECK(testing::eventually([this] {
    return postgres.psql("select count(*) from pg_stat_activity where application_name = 'dbs'") ==
           "0";
  }));
}

TEST_CASE_METHOD(fixture,
                 "a node whose PostgreSQL is away lives, says so, and becomes ready by itself") {
  postgres.stop();
  auto services = create();
  auto problem = services.initialize(2s);
  REQUIRE(problem == errc::not_ready);
  auto why = "connection refused at 127.0.0.1:" + std::to_string(postgres.port());
  CHECK(detail(problem).what.find(why) != std::string::npos);
  CHECK(log().find("DatabaseServices initialization failed: postgres_pool: " + why) !=
        std::string::npos);
  CHECK(overall(services) == health_status::unhealthy);
  postgres.start();
  CHECK(services.initialize(30s) == caf::error{});
  REQUIRE(testing::eventually([&] { return overall(services) == health_status::healthy; }));
}

TEST_CASE_METHOD(fixture, "without Redis the services are degraded, and the database works") {
  auto services = create();
  REQUIRE(services.initialize(30s) == caf::error{});
  redis.kill();
  REQUIRE(testing::eventually([&] { return overall(services) == health_status::degraded; }, 20s));
  CHECK(services.database().sync(system).execute("select 1"));
  redis.start();
  REQUIRE(testing::eventually([&] { return overall(services) == health_status::healthy; }, 20s));
}

TEST_CASE_METHOD(fixture, "a hanging PostgreSQL is noticed though nobody asks for anything") {
  auto services = create();
  REQUIRE(services.initialize(30s) == caf::error{});
  postgres.pause();
  REQUIRE(testing::eventually([&] { return overall(services) == health_status::unhealthy; }, 20s));
  postgres.resume();
  REQUIRE(testing::eventually([&] { return overall(services) == health_status::healthy; }, 20s));
}

TEST_CASE_METHOD(fixture, "a node whose Redis is away at start becomes ready by itself") {
  redis.stop();
  auto services = create();
  auto problem = services.initialize(2s);
  REQUIRE(problem == errc::not_ready);
  CHECK(log().find("DatabaseServices initialization failed: redis: ") != std::string::npos);
  CHECK(overall(services) == health_status::degraded);
  CHECK(services.database().sync(system).execute("select 1"));
  redis.start();
  CHECK(services.initialize(30s) == caf::error{});
}

TEST_CASE_METHOD(fixture, "each manager that crashes comes back behind the same handle") {
  auto services = create();
  REQUIRE(services.initialize(30s) == caf::error{});
  auto database = services.database().sync(system);
  auto session = database.checkout();
  REQUIRE(session);
  for (auto id : {"postgres_pool", "postgres_listener", "redis", "health", "http"}) {
    INFO(id);
    crash(services, id);
    REQUIRE(testing::eventually([&] {
      auto now = child(services, id);
      return now.incarnation == 2 && now.state == child_state::up;
    }));
    CHECK(child(services, id).restarts == 1);
  }
  // what the handles of before lead to works, and what was held is gone, not stale
  CHECK(database.execute("select 1"));
  auto stale = session->execute("select 1");
  REQUIRE(!stale);
  CHECK(stale.error() == errc::restarted);
  CHECK(services.initialize(30s) == caf::error{});
  REQUIRE(testing::eventually([&] { return overall(services) == health_status::healthy; }));
}

TEST_CASE_METHOD(fixture, "a listener that crashes goes on, and its sinks hear of a gap") {
  auto services = create();
  REQUIRE(services.initialize(30s) == caf::error{});
  tests::recording_sink sink{system, services.listener().actor()};
  REQUIRE_FALSE(sink.listen("news"));
  postgres.psql("notify news, 'before'");
  REQUIRE(sink.hears({"news: before"}));
  crash(services, "postgres_listener");
  REQUIRE(sink.hears({"news: before", "news: gap"}));
  postgres.psql("notify news, 'after'");
  CHECK(sink.hears({"news: before", "news: gap", "news: after"}));
  services.shutdown();
  CHECK(sink.listen("more") == errc::draining);
}

TEST_CASE_METHOD(fixture, "a transaction that is open when the services shut down can commit") {
  postgres.psql("create table kept (x int)");
  auto services = create();
  REQUIRE(services.initialize(30s) == caf::error{});
  auto database = services.database().sync(system);
  auto session = database.checkout();
  REQUIRE(session);
  REQUIRE(session->begin());
  REQUIRE(session->execute("insert into kept values (1)"));
  std::thread stopping{[&services] { services.shutdown(); }};
  REQUIRE(testing::eventually(
      [&] { return child(services, "postgres_pool").state == child_state::draining; }));
  auto refused = database.execute("select 1");
  CHECK(refused.error() == errc::draining);
  CHECK(session->execute("insert into kept values (2)"));
  CHECK(session->commit());
  session->release();
  stopping.join();
  CHECK(postgres.psql("select count(*) from kept") == "2");
}

TEST_CASE_METHOD(fixture, "settings that make no sense are refused before anything starts") {
  auto bad = options();
  bad.configuration.values.database.pool_size = 0;
  bad.configuration.values.http.address = "0.0.0.0";
  auto refused = create_database_services(system, bad);
  REQUIRE(!refused);
  CHECK(refused.error() == errc::config_invalid);
  auto why = detail(refused.error()).what;
  CHECK(why.find("database.pool_size") != std::string::npos);
  CHECK(why.find("http.address") != std::string::npos);
}

TEST_CASE_METHOD(fixture, "two services in one process do not meet") {
  auto one = create("one");
  auto two = create("two");
  REQUIRE(one.initialize(30s) == caf::error{});
  REQUIRE(two.initialize(30s) == caf::error{});
  CHECK(one.http_port() != two.http_port());
  one.shutdown();
  CHECK(two.database().sync(system).execute("select 1"));
  CHECK(!one.database().sync(system).execute("select 1"));
}

TEST_CASE_METHOD(fixture,
                 "get_vs_create_services: get shares one instance, create makes a new one") {
  setenv("DATABASE_URL", postgres.url().c_str(), 1);
  setenv("REDIS_URL", redis.url().c_str(), 1);
  CHECK(get_database_services().error() == errc::not_found);
  {
    auto first = get_database_services(system, "async_modern");
    REQUIRE(first);
    auto second = get_database_services(system, "async_modern");
    REQUIRE(second);
    CHECK(first->supervisor() == second->supervisor());
    CHECK(first->configuration().values.database.pool_size == 12);
    auto only = get_database_services();
    REQUIRE(only);
    CHECK(only->supervisor() == first->supervisor());
    auto other = create();
    CHECK(other.supervisor() != first->supervisor());
    // another mode is another instance, with the default settings of a guest
    auto admin = get_database_services(system, "admin");
    REQUIRE(admin);
    CHECK(first->initialize(30s) == caf::error{});
    CHECK(admin->initialize(30s) == caf::error{});
    CHECK(get_database_services().error() == errc::invalid_argument);
    // one that was shut down is not handed out again
    first->shutdown();
    auto fresh = get_database_services(system, "async_modern");
    REQUIRE(fresh);
    CHECK(fresh->supervisor() != first->supervisor());
  }
  // the last copy has gone, and with it the instance
  CHECK(get_database_services().error() == errc::not_found);
  for (auto name : {"DATABASE_URL", "REDIS_URL"})
    unsetenv(name);
}

TEST_CASE_METHOD(fixture, "a mode that does not exist is refused with the list of modes") {
  auto refused = get_database_services(system, "turbo");
  REQUIRE(!refused);
  CHECK(refused.error() == errc::config_invalid);
  CHECK(detail(refused.error()).what.find("async_modern") != std::string::npos);
}
