// The examples of docs/database.md that have several databases.
#include "integration/apps/embedded_node.hpp"

#include "dbs/config/database_url.hpp"

#include <caf/event_based_actor.hpp>

using dbs::tests::embedded_node;

TEST_CASE_METHOD(embedded_node, "docs/database.md: a named database") {
  postgres.psql("create database reports");
  more_flags = {{"databases.reports.url", postgres.url("reports")}};
  start_and_wait();
  auto made = services->database("reports")->sync(system).execute(
      "create table sale as select generate_series(1, 3)");
  REQUIRE(made);
  auto sales = 0;
  auto on_error = [](const caf::error& why) { FAIL_CHECK(dbs::describe(why)); };
  auto take_count = [&sales](const dbs::pg_result& rows) { sales = *rows.row(0).get<int>(0); };
  auto actor = system.spawn([&](caf::event_based_actor* self) {
    auto reports = services->database("reports");
    if (!reports)
      return on_error(reports.error());
    reports->execute(self, "select count(*) from sale").then(take_count, on_error);
  });
  caf::scoped_actor waiter{system};
  waiter->wait_for(actor);
  CHECK(sales == 3);
}

TEST_CASE_METHOD(embedded_node, "docs/database.md: a host that names a database itself") {
  auto url = postgres.url();
  dbs::config_sources sources;
  sources.flags = {{"database.url", url}, {"redis.url", redis.url()}, {"log.level", "off"}};
  auto loaded = dbs::load_settings(sources);
  REQUIRE(loaded);
  auto& configuration = *loaded;
  auto& reports = configuration.values.databases["reports"];
  reports.target = *dbs::parse_database_url(url);
  reports.read_only = true;
  auto made = dbs::create_database_services(system, {configuration, false});
  REQUIRE(made);
  REQUIRE(made->initialize(std::chrono::seconds{30}) == caf::error{});
  auto refused = made->database("reports")->sync(system).execute("create table t (x int)");
  REQUIRE(!refused);
  CHECK(refused.error() == dbs::errc::query_failed);
  CHECK(dbs::detail(refused.error()).sqlstate == "25006");
}
