// Every route, and who may use it.
#include "actor/actors/http/http_fixture.hpp"

#include "dbs/runtime/observe/prometheus.hpp"

using namespace dbs;
using namespace dbs::tests;
using namespace std::chrono_literals;

namespace {

pg_result one_row(std::string_view value) {
  auto result = pg_result::build(
      1, 1,
      [](size_t) {
        return pg_column{"x", 23, 0};
      },
      [&](size_t, size_t) -> std::optional<std::string_view> { return value; }, "SELECT 1", 1);
  REQUIRE(result);
  return *result;
}

} // namespace

// -- health ------------------------------------------------------------------------

TEST_CASE_METHOD(http_fixture, "/health/live needs nobody") {
  supervisor->answer_tree = false;
  start_well();
  CHECK(json(get("/health/live"))["status"] == "alive");
}

TEST_CASE_METHOD(http_fixture, "/health/ready is 503 until the services are ready") {
  health->ready = false;
  health->components[0].status = health_status::unhealthy;
  health->components[0].detail = "connection refused";
  start_well();
  auto answer = get("/health/ready");
  CHECK(answer.status == 503);
  CHECK(json(answer)["waiting_for"]["database"] == "connection refused");
  CHECK(!json(answer)["waiting_for"].contains("redis"));
  health->ready = true;
  CHECK(get("/health/ready").status == 200);
}

TEST_CASE_METHOD(http_fixture, "/health/database-services has a key per component, and overall") {
  start_well();
  auto answer = get("/health/database-services");
  CHECK(answer.status == 200);
  CHECK(json(answer)["database"]["status"] == "healthy");
  CHECK(json(answer)["redis"]["status"] == "healthy");
  CHECK(json(answer)["overall"]["status"] == "healthy");
  health->overall = health_status::degraded;
  CHECK(get("/health/database-services").status == 200);
  health->overall = health_status::unhealthy;
  CHECK(get("/health/database-services").status == 503);
}

TEST_CASE_METHOD(http_fixture, "/health/{component} answers by the public name and by the id") {
  health->components[0].status = health_status::unhealthy;
  start_well();
  CHECK(get("/health/database").status == 503);
  CHECK(json(get("/health/postgres_pool"))["idle"] == 3);
  CHECK(get("/health/redis").status == 200);
  auto unknown = get("/health/cache");
  CHECK(unknown.status == 404);
  CHECK(json(unknown)["error"] == "not_found");
}

// -- metrics -----------------------------------------------------------------------

TEST_CASE_METHOD(http_fixture, "/metrics has ours, the children's, the process's and CAF's") {
  supervisor->tree[1].restarts = 3;
  supervisor->tree[1].state = child_state::backoff;
  start_well();
  auto answer = get("/metrics");
  CHECK(answer.status == 200);
  CHECK(answer.head.find(observe::prometheus_content_type) != std::string::npos);
  for (auto line :
       {"dbs_http_requests_total 1\n", "dbs_supervisor_child_up{child=\"postgres_pool\"} 1\n",
        "dbs_supervisor_child_up{child=\"redis\"} 0\n",
        "dbs_supervisor_child_restarts_total{child=\"redis\"} 3\n"})
    CHECK(answer.body.find(line) != std::string::npos);
  CHECK(answer.body.find("process_open_fds") != std::string::npos);
  CHECK(answer.body.find("caf_system_running_actors") != std::string::npos);
}

TEST_CASE_METHOD(http_fixture, "/metrics comes without the children's when nobody knows them") {
  supervisor->answer_tree = false;
  start_well();
  auto client = over_tcp();
  client.send(http_test::get("/metrics"));
  run();
  REQUIRE(until([&] { return pending_timers() > 0; }));
  advance(5s);
  auto answer = answer_of(client);
  CHECK(answer.body.find("dbs_http_requests_total") != std::string::npos);
  CHECK(answer.body.find("dbs_supervisor_child_up") == std::string::npos);
}

TEST_CASE_METHOD(http_fixture, "/metrics/database-services has the figures of every child") {
  start_well();
  auto answer = get("/metrics/database-services");
  CHECK(answer.status == 200);
  CHECK(json(answer)["database"]["pool"]["idle"] == 3);
  CHECK(json(answer)["redis"]["figure"] == 7);
}

TEST_CASE_METHOD(http_fixture, "a child that hangs costs /metrics/database-services its figures "
                               "only") {
  supervisor->hanging = {"redis"};
  start_well();
  auto client = over_tcp();
  client.send(http_test::get("/metrics/database-services"));
  REQUIRE(until([&] { return health_of_http().fields[4].value == field::value_type{int64_t{1}}; }));
  advance(5s);
  auto answer = answer_of(client);
  CHECK(json(answer)["database"]["figure"] == 7);
  CHECK(json(answer)["redis"]["error"].get<std::string>().find("deadline_exceeded") == 0);
}

// -- administration ----------------------------------------------------------------

TEST_CASE_METHOD(http_fixture, "administration is refused over TCP, and TCP takes no POST") {
  start_well();
  for (auto path : {"/v1/health", "/v1/tree", "/v1/stats/pool", "/v1/pool/holders", "/v1/config"}) {
    INFO(path);
    CHECK(get(path).status == 403);
    CHECK(admin_get(path).status == 200);
  }
  for (auto path : {"/v1/sql", "/v1/pool/resize"}) {
    INFO(path);
    auto client = over_tcp();
    CHECK(ask_over(client, post(path, R"({"sql": "drop table x"})")).status == 403);
  }
  CHECK(pool->last.sql.empty());
  auto client = over_tcp();
  CHECK(ask_over(client, post("/health/live", "")).status == 405);
}

TEST_CASE_METHOD(http_fixture, "/v1/tree shows the children") {
  supervisor->tree[0].dependencies = {"redis"};
  supervisor->tree[0].last_error = "it died";
  supervisor->tree[0].front.refused = 4;
  start_well();
  auto first = json(admin_get("/v1/tree"))["children"][0];
  CHECK(first["id"] == "postgres_pool");
  CHECK(first["state"] == "up");
  CHECK(first["dependencies"] == nlohmann::json{"redis"});
  CHECK(first["last_error"] == "it died");
  CHECK(first["front"]["refused"] == 4);
}

TEST_CASE_METHOD(http_fixture, "/v1/stats/{child} has the pool's figures at the top level") {
  start_well();
  CHECK(json(admin_get("/v1/stats/pool"))["idle"] == 3);
  CHECK(json(admin_get("/v1/stats/redis"))["figure"] == 7);
  CHECK(admin_get("/v1/stats/nobody").status == 404);
}

TEST_CASE_METHOD(http_fixture, "/v1/pool/resize hands the size on") {
  start_well();
  CHECK(admin_post("/v1/pool/resize", R"({"what": "pool_size", "size": 30})").status == 200);
  CHECK(supervisor->resized.what == "pool_size");
  CHECK(supervisor->resized.size == 30);
  CHECK(supervisor->resized_child == "postgres_pool");
  CHECK(admin_post("/v1/pool/resize", R"({"what": "pool_size", "size": 0})").status == 400);
  CHECK(admin_post("/v1/pool/resize", "30").status == 400);
}

TEST_CASE_METHOD(http_fixture, "/v1/pool/holders says who holds what") {
  pg_holder holder;
  holder.owner_name = "orders";
  holder.age = 12s;
  holder.statement = "select 1";
  pool->holders = {holder};
  start_well();
  auto first = json(admin_get("/v1/pool/holders"))[0];
  CHECK(first["owner_name"] == "orders");
  CHECK(first["age_ms"] == 12000);
  CHECK(first["statement"] == "select 1");
}

TEST_CASE_METHOD(http_fixture, "/v1 finds a named pool, and refuses a name that nobody has") {
  auto reports = std::make_shared<pool_script>();
  reports->holders = {pg_holder{}, pg_holder{}};
  reports->run = [](const pg_statement&) { return pg_result{}; };
  options.databases.emplace("reports",
                            database_client{spawn_on_loop<scripted_pool_state>(reports)});
  start_well();
  CHECK(json(admin_get("/v1/pool/holders")).empty());
  CHECK(json(admin_get("/v1/pool/holders/reports")).size() == 2);
  CHECK(admin_post("/v1/sql", R"({"sql": "select 7", "pool": "reports"})").status == 200);
  CHECK(reports->last.sql == "select 7");
  CHECK(pool->last.sql.empty());
  CHECK(admin_post("/v1/pool/resize", R"({"what": "pool_size", "size": 3, "pool": "reports"})")
            .status == 200);
  CHECK(supervisor->resized_child == "postgres_pool.reports");
  for (auto& refused : {admin_get("/v1/pool/holders/sales"),
                        admin_post("/v1/sql", R"({"sql": "select 7", "pool": "sales"})")}) {
    CHECK(refused.status == 404);
    CHECK(json(refused)["message"] == "there is no pool 'sales'");
  }
}

TEST_CASE_METHOD(http_fixture, "/v1/config is the node's configuration") {
  start_well();
  CHECK(json(admin_get("/v1/config"))["mode"] == "test");
}

TEST_CASE_METHOD(http_fixture, "/v1/sql runs a statement as an administrator") {
  pool->run = [](const pg_statement&) { return one_row("42"); };
  start_well();
  auto answer = admin_post("/v1/sql", R"({"sql": "select $1", "params": [42]})");
  CHECK(answer.status == 200);
  CHECK(json(answer)["rows"][0][0] == 42);
  CHECK(json(answer)["truncated"] == false);
  CHECK(pool->last.sql == "select $1");
  CHECK(pool->last_context.caller == caller_class::admin);
  CHECK(pool->last_context.deadline - now() == 10s);
}

TEST_CASE_METHOD(http_fixture, "/v1/sql says what PostgreSQL says") {
  pool->run = [](const pg_statement&) -> caf::result<pg_result> {
    return fail(errc::query_failed, error_detail{"no such column", {}, "42703", {}});
  };
  start_well();
  auto answer = admin_post("/v1/sql", R"({"sql": "select nonsense"})");
  CHECK(answer.status == 422);
  CHECK(json(answer)["error"] == "query_failed");
  CHECK(json(answer)["sqlstate"] == "42703");
  CHECK(admin_post("/v1/sql", "{}").status == 400);
}

TEST_CASE_METHOD(http_fixture, "a statement may take as long as its client allows") {
  start_well();
  auto client = over_unix();
  client.send(post("/v1/sql", R"x({"sql": "select pg_sleep(100)", "timeout_ms": 120000})x"));
  REQUIRE(until([&] { return !pool->held.empty(); }));
  advance(119s);
  client.pull();
  CHECK(client.received.empty());
  pool->held[0].deliver(one_row("1"));
  CHECK(answer_of(client).status == 200);
}

TEST_CASE_METHOD(http_fixture, "a statement that nobody answers is over soon after its limit") {
  start_well();
  auto client = over_unix();
  client.send(post("/v1/sql", R"({"sql": "select 1", "timeout_ms": 1000})"));
  REQUIRE(until([&] { return !pool->held.empty(); }));
  advance(1500ms);
  auto answer = answer_of(client);
  CHECK(answer.status == 504);
  CHECK(json(answer)["error"] == "deadline_exceeded");
}
