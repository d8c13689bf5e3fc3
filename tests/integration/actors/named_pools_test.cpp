// Several pools in one services object: two databases of one server, a read-only pool,
// and a second server.
#include "integration/actors/children.hpp"
#include "integration/actors/postgres_listener/listener_fixture.hpp"
#include "integration/apps/embedded_node.hpp"

#include "dbs/testing/eventually.hpp"

#include <nlohmann/json.hpp>

#include <string>

using namespace dbs;
using namespace dbs::tests;
using namespace std::chrono_literals;

namespace {

/// `[database]` and `reports` are databases of one server, `replica` is `[database]` once
/// more, read-only and with one connection; `archive` is on a server of its own and is not
/// critical.
struct fixture : embedded_node {
  fixture() {
    postgres.psql("create database reports");
    postgres.psql("create table place (name text)");
    postgres.psql("insert into place values ('home')");
    more_flags = {{"databases.reports.url", postgres.url("reports")},
                  {"databases.reports.pool_size", "3"},
                  {"databases.replica.url", postgres.url()},
                  {"databases.replica.read_only", "true"},
                  {"databases.replica.pool_size", "1"},
                  {"databases.archive.url", archive.url()},
                  {"databases.archive.critical", "false"}};
    start_and_wait();
  }

  blocking_database pool(const std::string& name) {
    auto client = services->database(name);
    if (!client)
      throw std::runtime_error(describe(client.error()));
    return client->within(10s).sync(system);
  }

  blocking_database default_pool() { return services->database().within(10s).sync(system); }

  static std::string value(blocking_database database, const std::string& sql) {
    auto rows = database.execute(sql);
    INFO(sql << ": " << (rows ? "" : describe(rows.error())));
    REQUIRE(rows);
    return *rows->row(0).get<std::string>(0);
  }

  services_health health() {
    auto result = services->health().check_health_sync(system);
    REQUIRE(result);
    return *result;
  }

  health_report health_of(const std::string& id) {
    for (auto& x : health().components)
      if (x.component == id)
        return x;
    return {};
  }

  nlohmann::json json(const std::string& arguments) const {
    return nlohmann::json::parse(ctl("--json " + arguments).output);
  }

  std::string get(const std::string& path) const {
    return run("curl -s http://127.0.0.1:" + std::to_string(services->http_port()) + path).output;
  }

  testing::private_postgres archive;
};

/// An empty one, which is none that anybody expects, if it went well.
template <class T>
caf::error error_of(const caf::expected<T>& what) {
  return what ? caf::error{} : what.error();
}

} // namespace

TEST_CASE_METHOD(fixture, "each pool serves its own database") {
  CHECK(value(default_pool(), "select current_database()") == "postgres");
  CHECK(value(default_pool(), "select name from place") == "home");
  CHECK(value(pool("reports"), "select current_database()") == "reports");
  auto elsewhere = pool("reports").execute("select name from place");
  CHECK(detail(error_of(elsewhere)).sqlstate == "42P01");
  CHECK(value(pool("replica"), "select name from place") == "home");
  // sizes and counts are each pool's own
  CHECK(pool("reports").stats()->pool_size == 3);
  CHECK(default_pool().stats()->pool_size == 20);
  services->shutdown();
  CHECK(error_of(pool("reports").execute("select 1")) == errc::draining);
  // A backend takes its time to end.
  CHECK(testing::eventually([this] {
    return postgres.psql("select count(*) from pg_stat_activity where application_name = 'dbs'") ==
           "0";
  }));
}

TEST_CASE_METHOD(fixture, "a database that nobody named is an error that says which there are") {
  for (auto name : {"", "default", "postgres", "Reports"}) {
    auto refused = services->database(name);
    REQUIRE(!refused);
    CHECK(refused.error() == errc::not_found);
    CHECK(detail(refused.error()).what ==
          "no database is named '" + std::string{name} + "'; there are archive, replica, reports");
  }
}

TEST_CASE_METHOD(fixture, "a read-only pool refuses to write, and loses no connection by it") {
  auto replica = pool("replica");
  auto session = replica.checkout();
  REQUIRE(session);
  auto pid = *session->execute("select pg_backend_pid()")->row(0).get<int>(0);
  for (auto& refused : {session->execute("insert into place values ('away')"),
                        session->execute("create table more (x int)")}) {
    CHECK(error_of(refused) == errc::query_failed);
    CHECK(detail(error_of(refused)).sqlstate == "25006");
  }
  session->release();
  CHECK(*replica.execute("select pg_backend_pid()")->row(0).get<int>(0) == pid);
  // a session is reset as ever
  auto changed = replica.checkout();
  REQUIRE(changed);
  CHECK(changed->execute("set work_mem = '8MB'"));
  changed->release();
  CHECK(*replica.execute("select pg_backend_pid()")->row(0).get<int>(0) == pid);
  // who changes that for a session changes it for nobody else
  auto other = replica.checkout();
  REQUIRE(other);
  CHECK(other->execute("set default_transaction_read_only = off"));
  CHECK(other->execute("insert into place values ('there')"));
  other->release();
  CHECK(error_of(replica.execute("delete from place")) == errc::query_failed);
  // nor is the pool beside it concerned
  CHECK(default_pool().execute("insert into place values ('here')"));
  CHECK(postgres.psql("select count(*) from place") == "3");
}

TEST_CASE_METHOD(embedded_node, "a read-only database can be listened to") {
  more_flags = {{"database.read_only", "true"}};
  start_and_wait();
  recording_sink sink{system, services->listener().actor()};
  REQUIRE_FALSE(sink.listen("news"));
  REQUIRE(services->database().sync(system).execute("notify news, 'heard'"));
  CHECK(sink.hears({"news: heard"}));
}

TEST_CASE_METHOD(fixture, "a server that is away takes its own pools along, and no other") {
  archive.kill();
  REQUIRE(testing::eventually(
      [&] { return health_of("postgres_pool.archive").status == health_status::unhealthy; }, 20s));
  // it is not critical
  auto now = health();
  CHECK(now.overall == health_status::degraded);
  CHECK(now.ready);
  CHECK(value(default_pool(), "select name from place") == "home");
  CHECK(value(pool("reports"), "select current_database()") == "reports");
  CHECK(!pool("archive").execute("select 1"));
  auto body = nlohmann::json::parse(get("/health/database-services"));
  CHECK(body["database.archive"]["status"] == "unhealthy");
  CHECK(body["database.reports"]["status"] == "healthy");
  CHECK(body["database"]["status"] == "degraded");
  CHECK(body["database"]["detail"] == "postgres_pool.archive is unhealthy");
  CHECK(get("/health/database.archive").find("unhealthy") != std::string::npos);
  archive.start();
  REQUIRE(testing::eventually([&] { return health().overall == health_status::healthy; }, 20s));
  CHECK(value(pool("archive"), "select current_database()") == "postgres");
}

TEST_CASE_METHOD(fixture, "without a critical pool the services are not ready") {
  postgres.kill();
  REQUIRE(testing::eventually(
      [&] { return health_of("postgres_pool.reports").status == health_status::unhealthy; }, 20s));
  auto now = health();
  CHECK(now.overall == health_status::unhealthy);
  CHECK(!now.ready);
  CHECK(health_of("postgres_pool.archive").status == health_status::healthy);
  CHECK(value(pool("archive"), "select current_database()") == "postgres");
}

TEST_CASE_METHOD(fixture, "a pool that crashes comes back by itself and leaves the others alone") {
  auto reports = pool("reports");
  auto lost = reports.checkout();
  REQUIRE(lost);
  auto other = default_pool();
  auto kept = other.checkout();
  REQUIRE(kept);
  REQUIRE(kept->begin());
  crash(*services, "postgres_pool.reports");
  REQUIRE(testing::eventually([&] {
    auto now = child(*services, "postgres_pool.reports");
    return now.incarnation == 2 && now.state == child_state::up;
  }));
  CHECK(reports.execute("select 1"));
  CHECK(error_of(lost->execute("select 1")) == errc::restarted);
  CHECK(kept->execute("insert into place values ('kept')"));
  CHECK(kept->commit());
  for (auto id : {"postgres_pool", "postgres_pool.replica", "postgres_pool.archive"})
    CHECK(child(*services, id).incarnation == 1);
}

TEST_CASE_METHOD(fixture, "dbsctl looks at a pool by its name") {
  CHECK(ctl("tree").says("postgres_pool.reports"));
  CHECK(json("stats pool --pool reports")["pool_size"] == 3);
  CHECK(json("stats pool")["pool_size"] == 20);
  CHECK(json("sql --pool reports 'select current_database()'")["rows"][0][0] == "reports");
  CHECK(json("sql 'select current_database()'")["rows"][0][0] == "postgres");
  auto session = pool("reports").checkout();
  REQUIRE(session);
  CHECK(json("pool holders --pool reports").size() == 1);
  CHECK(json("pool holders").empty());
  for (auto command : {"stats pool", "pool resize 3", "pool holders", "sql 'select 1'"}) {
    INFO(command);
    auto refused = ctl(command + std::string{" --pool sales"});
    CHECK(refused.exit_code == 4);
    CHECK(refused.says("sales"));
    CHECK(ctl(command + std::string{" --pool ''"}).exit_code == 2);
  }
}

TEST_CASE_METHOD(fixture, "dbsctl resizes a pool by its name, and a crash does not undo it") {
  CHECK(ctl("pool resize 7 --pool reports").exit_code == 0);
  CHECK(json("stats pool --pool reports")["pool_size"] == 7);
  CHECK(json("stats pool")["pool_size"] == 20);
  crash(*services, "postgres_pool.reports");
  REQUIRE(testing::eventually(
      [&] { return child(*services, "postgres_pool.reports").incarnation == 2; }));
  CHECK(pool("reports").stats()->pool_size == 7);
}

TEST_CASE_METHOD(fixture, "the metrics of pools differ by their label") {
  CHECK(value(pool("reports"), "select 'counted'") == "counted");
  auto text = get("/metrics");
  for (auto pool : {"postgres_pool", "postgres_pool.reports", "postgres_pool.replica"}) {
    INFO(pool);
    CHECK(text.find("dbs_postgres_pool_size{pool=\"" + std::string{pool} + "\"}") !=
          std::string::npos);
    CHECK(text.find("dbs_supervisor_child_up{child=\"" + std::string{pool} + "\"} 1") !=
          std::string::npos);
  }
  auto figures = nlohmann::json::parse(get("/metrics/database-services"));
  CHECK(figures["database.reports"]["pool"]["pool_size"] == 3);
  CHECK(figures["database"]["pool"]["pool_size"] == 20);
}

TEST_CASE_METHOD(fixture, "the node shows the settings of each pool, and no password") {
  auto shown = json("config show --node");
  CHECK(shown["databases"]["reports"]["dbname"] == "reports");
  CHECK(shown["databases"]["reports"]["pool_size"] == 3);
  CHECK(shown["databases"]["replica"]["read_only"] == true);
  CHECK(shown["origins"]["databases.reports.pool_size"] ==
        "flag --set databases.reports.pool_size");
}
