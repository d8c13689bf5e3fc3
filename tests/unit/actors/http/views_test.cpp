#include "dbs/actors/http/internal/views.hpp"

#include "dbs/messages/error_detail.hpp"

#include <caf/sec.hpp>

#include <catch2/catch_test_macros.hpp>
#include <nlohmann/json.hpp>

#include <optional>
#include <string>
#include <vector>

using namespace dbs;
using namespace dbs::internal;
using namespace std::chrono_literals;
using nlohmann::json;

namespace {

constexpr result_limits wide{.rows = 1000, .bytes = 1000};

pg_result table(const std::vector<pg_column>& columns,
                const std::vector<std::vector<std::optional<std::string>>>& rows) {
  auto result = pg_result::build(
      columns.size(), rows.size(), [&](size_t i) { return columns[i]; },
      [&](size_t row, size_t i) -> std::optional<std::string_view> { return rows[row][i]; },
      "SELECT " + std::to_string(rows.size()), rows.size());
  REQUIRE(result);
  return *result;
}

} // namespace

TEST_CASE("pools go by the name database, everybody else by the id") {
  CHECK(public_name("postgres_pool") == "database");
  CHECK(public_name("redis") == "redis");
  CHECK(child_id("database") == "postgres_pool");
  CHECK(child_id("pool") == "postgres_pool");
  CHECK(child_id("postgres_pool") == "postgres_pool");
  CHECK(child_id("redis") == "redis");
  CHECK(public_name("postgres_pool.reports") == "database.reports");
  CHECK(public_name("postgres_pooler") == "postgres_pooler");
  CHECK(child_id("database.reports") == "postgres_pool.reports");
  CHECK(child_id("pool.reports") == "postgres_pool.reports");
  CHECK(child_id("postgres_pool.reports") == "postgres_pool.reports");
  CHECK(child_id("databases") == "databases");
}

TEST_CASE("a component's health has its status, why, and its figures") {
  auto body = to_json(
      health_report{"postgres_pool", health_status::degraded, "slow", {{"pool.idle", int64_t{3}}}});
  CHECK(body == json{{"status", "degraded"}, {"detail", "slow"}, {"pool", {{"idle", 3}}}});
  CHECK(!to_json(health_report{"redis", health_status::healthy, {}, {}}).contains("detail"));
}

TEST_CASE("the services' health has a key per component, and overall") {
  services_health health;
  health.overall = health_status::degraded;
  health.ready = true;
  health.age = 250ms;
  health.components = {{"postgres_pool", health_status::healthy, {}, {}},
                       {"redis", health_status::unhealthy, "gone", {}}};
  auto body = to_json(health);
  CHECK(body["database"]["status"] == "healthy");
  CHECK(body["redis"]["detail"] == "gone");
  CHECK(body["overall"] == json{{"status", "degraded"}, {"ready", true}, {"age_ms", 250.0}});
}

TEST_CASE("only unhealthy is an HTTP error") {
  CHECK(http_status(health_status::healthy) == 200);
  CHECK(http_status(health_status::degraded) == 200);
  CHECK(http_status(health_status::unhealthy) == 503);
}

TEST_CASE("the tree as metrics has a series per child") {
  child_info up;
  up.id = "postgres_pool";
  up.state = child_state::up;
  up.restarts = 2;
  up.front = {.stashed = 3, .refused = 4, .expired = 5, .swallowed = 6};
  child_info down;
  down.id = "redis";
  down.state = child_state::not_ready;
  for (auto& family : to_families({up, down})) {
    INFO(family.name);
    REQUIRE(family.series.size() == 2);
    CHECK(family.series[1].label_set == observe::labels{{"child", "redis"}});
    if (family.name == "dbs_supervisor_child_up") {
      CHECK(std::get<double>(family.series[0].value) == 1);
      CHECK(std::get<double>(family.series[1].value) == 0);
    }
    if (family.name == "dbs_supervisor_child_restarts_total")
      CHECK(std::get<uint64_t>(family.series[0].value) == 2);
    if (family.name == "dbs_front_stashed_total")
      CHECK(std::get<uint64_t>(family.series[0].value) == 3);
    if (family.name == "dbs_front_refused_total")
      CHECK(std::get<uint64_t>(family.series[0].value) == 4);
    if (family.name == "dbs_front_expired_total")
      CHECK(std::get<uint64_t>(family.series[0].value) == 5);
  }
}

// -- results -----------------------------------------------------------------------

TEST_CASE("cells become JSON's numbers and booleans where they are such") {
  auto body = to_json(table({{"id", 23, 0},
                             {"big", 20, 0},
                             {"ratio", 701, 0},
                             {"active", 16, 0},
                             {"name", 25, 0},
                             {"price", 1700, 0}},
                            {{"7", "9007199254740993", "1.5", "t", "Ada", "12.50"},
                             {std::nullopt, "-1", "NaN", "f", "", std::nullopt}}),
                      wide);
  CHECK(body["columns"] == json{"id", "big", "ratio", "active", "name", "price"});
  CHECK(body["rows"][0] == json{7, 9007199254740993, 1.5, true, "Ada", "12.50"});
  CHECK(body["rows"][1][0].is_null());
  CHECK(body["rows"][1][3] == false);
  CHECK(body["rows"][1][4] == "");
  CHECK(body["command_tag"] == "SELECT 2");
  CHECK(body["affected_rows"] == 2);
  CHECK(body["truncated"] == false);
}

TEST_CASE("a result is cut after whole rows, by their number and by their bytes") {
  auto result = table({{"x", 25, 0}}, {{"aaaa"}, {"bbbb"}, {"cccc"}});
  auto two_rows = to_json(result, {.rows = 2, .bytes = 1000});
  CHECK(two_rows["rows"].size() == 2);
  CHECK(two_rows["truncated"] == true);
  auto eight_bytes = to_json(result, {.rows = 1000, .bytes = 8});
  CHECK(eight_bytes["rows"].size() == 2);
  CHECK(eight_bytes["truncated"] == true);
  CHECK(to_json(result, {.rows = 1000, .bytes = 3})["rows"].empty());
  CHECK(to_json(result, {.rows = 3, .bytes = 12})["truncated"] == false);
}

// -- errors ------------------------------------------------------------------------

TEST_CASE("an error has its code, its sentence and the HTTP status that fits") {
  auto answer = to_response(
      fail(errc::query_failed, error_detail{"no such column", {}, "42703", {{"n", int64_t{1}}}}));
  CHECK(answer.status == 422);
  CHECK(json::parse(answer.body) == json{{"error", "query_failed"},
                                         {"message", "no such column"},
                                         {"sqlstate", "42703"},
                                         {"fields", {{"n", 1}}}});
  CHECK(to_response(fail(errc::invalid_argument, "x")).status == 400);
  CHECK(to_response(fail(errc::not_found, "x")).status == 404);
  CHECK(to_response(fail(errc::deadline_exceeded, "x")).status == 504);
  CHECK(to_response(fail(errc::pool_exhausted, "x")).status == 503);
  CHECK(json::parse(to_response(caf::make_error(caf::sec::broken_promise)).body)["error"] ==
        "restarted");
}

TEST_CASE("text that is not UTF-8 does not break an answer") {
  auto body = to_json(table({{"x", 25, 0}}, {{"\xff\xfe"}}), wide);
  CHECK_NOTHROW(json::parse(json_response(body).body));
}
