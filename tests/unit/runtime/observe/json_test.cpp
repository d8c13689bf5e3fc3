#include "dbs/runtime/observe/json.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cmath>
#include <cstdint>
#include <string>

using dbs::field;
using dbs::observe::to_json;
using nlohmann::json;

TEST_CASE("dotted names nest", "[observe][json]") {
  auto result = to_json({{"status", "healthy"},
                         {"pool.idle", int64_t{3}},
                         {"pool.utilization", 0.5},
                         {"pool.breaker.open", false}});
  CHECK(result == json::parse(R"({"status": "healthy",
          "pool": {"idle": 3, "utilization": 0.5, "breaker": {"open": false}}})"));
}

TEST_CASE("no fields make an empty object", "[observe][json]") {
  CHECK(to_json(std::vector<field>{}).dump() == "{}");
}

TEST_CASE("a name that is both a value and a branch keeps both", "[observe][json]") {
  field leaf{"pool", int64_t{1}};
  field branch{"pool.idle.now", int64_t{2}};
  CHECK(to_json({leaf, branch}) == json::parse(R"({"pool": 1, "pool.idle.now": 2})"));
  // A top-level name cannot be told from its full name, so there the last wins
  // unless something else stands under it.
  CHECK(to_json({{"a.b.c", int64_t{1}}, {"a.b", int64_t{2}}}) ==
        json::parse(R"({"a": {"b": {"c": 1}}, "a.b": 2})"));
}

TEST_CASE("of two fields with one name the last wins", "[observe][json]") {
  CHECK(to_json({{"a.b", int64_t{1}}, {"a.b", int64_t{2}}}) == json::parse(R"({"a": {"b": 2}})"));
}

TEST_CASE("names that cannot nest stay flat", "[observe][json]") {
  CHECK(to_json({{"", int64_t{1}}, {"a..b", int64_t{2}}, {".c", int64_t{3}}, {"d.", int64_t{4}}}) ==
        json::parse(R"({"": 1, "a..b": 2, ".c": 3, "d.": 4})"));
  std::string deep = "a";
  for (int i = 0; i < 1000; ++i)
    deep += ".a";
  CHECK(to_json({{deep, int64_t{1}}}).contains(deep));
}

TEST_CASE("values that JSON cannot say do not make dumping fail", "[observe][json]") {
  auto result = to_json({{"text", "a\xff"}, {"\xfe", int64_t{1}}, {"ratio", std::nan("")}});
  CHECK(result.dump() == "{\"ratio\":null,\"text\":\"a\xef\xbf\xbd\",\"\xef\xbf\xbd\":1}");
}
