#include "dbs/actors/http/internal/resize_body.hpp"
#include "dbs/actors/http/internal/sql_body.hpp"
#include "dbs/messages/error_detail.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <string>

using namespace dbs;
using namespace dbs::internal;
using namespace std::chrono_literals;

TEST_CASE("the body of a statement needs nothing but its text") {
  auto body = parse_sql_body(R"({"sql": "select 1"})");
  REQUIRE(body);
  CHECK(body->statement.sql == "select 1");
  CHECK(body->statement.params.size() == 0);
  CHECK(!body->statement.prepare);
  CHECK(body->timeout == 10s);
  CHECK(body->pool == "");
  CHECK(parse_sql_body(R"({"sql": "select 1", "pool": "reports"})")->pool == "reports");
}

TEST_CASE("parameters are null, booleans, numbers or strings") {
  auto body = parse_sql_body(
      R"({"sql": "x", "params": [null, true, -5, 18446744073709551615, 1.5, "a"], "timeout_ms": 1})");
  REQUIRE(body);
  CHECK(body->statement.params.size() == 6);
  CHECK(body->timeout == 1ms);
}

TEST_CASE("what is wrong with a statement's body is named") {
  struct bad_body {
    std::string text;
    std::string why;
  };
  auto bad =
      GENERATE(bad_body{"", "JSON object"}, bad_body{"[1]", "JSON object"},
               bad_body{"{", "JSON object"}, bad_body{"{}", "'sql'"},
               bad_body{R"({"sql": 1})", "'sql'"}, bad_body{R"({"sql": "x", "more": 1})", "'more'"},
               bad_body{R"({"sql": "x", "params": 1})", "'params'"},
               bad_body{R"({"sql": "x", "params": [1, [2]]})", "$2"},
               bad_body{R"({"sql": "x", "pool": null})", "'pool'"},
               bad_body{R"({"sql": "x", "timeout_ms": 0})", "'timeout_ms'"},
               bad_body{R"({"sql": "x", "timeout_ms": 1.5})", "'timeout_ms'"},
               bad_body{R"({"sql": "x", "timeout_ms": 86400001})", "'timeout_ms'"},
               bad_body{R"({"sql": "x", "timeout_ms": 18446744073709551615})", "'timeout_ms'"});
  INFO(bad.text);
  auto refused = parse_sql_body(bad.text);
  REQUIRE(!refused);
  CHECK(refused.error() == errc::invalid_argument);
  CHECK(detail(refused.error()).what.find(bad.why) != std::string::npos);
}

TEST_CASE("the body of a resize names what and how much") {
  auto body = parse_resize_body(R"({"what": "pool_size", "size": 30})");
  REQUIRE(body);
  CHECK(body->request.what == "pool_size");
  CHECK(body->request.size == 30);
  CHECK(body->pool == "");
  CHECK(parse_resize_body(R"({"what": "pool_size", "size": 30, "pool": "reports"})")->pool ==
        "reports");
  for (auto bad :
       {"", "{}", R"({"what": "pool_size"})", R"({"size": 3})", R"({"what": 1, "size": 3})",
        R"({"what": "pool_size", "size": "3"})", R"({"what": "pool_size", "size": 3.5})",
        R"({"what": "pool_size", "size": 3, "pool": 1})",
        R"({"what": "pool_size", "size": 3, "more": 1})"}) {
    INFO(bad);
    CHECK(parse_resize_body(bad).error() == errc::invalid_argument);
  }
}
