#include "dbs/actors/http/internal/cache_json.hpp"

#include "dbs/messages/error_detail.hpp"

#include <catch2/catch_test_macros.hpp>
#include <nlohmann/json.hpp>

#include <string>

using namespace dbs;
using namespace dbs::internal;
using namespace std::chrono_literals;
using nlohmann::json;

namespace {

struct bad_body {
  std::string text;
  /// What the refusal has to say.
  std::string why;
};

template <class Parse>
void check_refused(Parse parse, const bad_body& bad) {
  INFO(bad.text.substr(0, 200));
  auto refused = parse(bad.text);
  REQUIRE(!refused);
  CHECK(refused.error() == errc::invalid_argument);
  CHECK(detail(refused.error()).what.find(bad.why) != std::string::npos);
}

} // namespace

TEST_CASE("an entry is asked for by parameters") {
  auto plain = parse_cache_get({{"key", "product:42"}});
  REQUIRE(plain);
  CHECK(plain->what.key == "product:42");
  CHECK(!plain->what.load);
  CHECK(plain->timeout == 10s);
  auto loaded = parse_cache_get({{"key", ""}, {"load", "true"}, {"timeout_ms", "250"}});
  REQUIRE(loaded);
  CHECK(loaded->what.load);
  CHECK(loaded->timeout == 250ms);
  for (auto& bad : std::vector<http_fields>{{},
                                            {{"load", "true"}},
                                            {{"key", "k"}, {"load", "yes"}},
                                            {{"key", "k"}, {"timeout_ms", "soon"}},
                                            {{"key", "k"}, {"timeout_ms", "0"}},
                                            {{"key", "k"}, {"more", "1"}}})
    CHECK(parse_cache_get(bad).error() == errc::invalid_argument);
}

TEST_CASE("an entry is set with a value of text, or of any bytes") {
  auto plain = parse_cache_put(R"({"key": "k", "value": "lamp"})");
  REQUIRE(plain);
  CHECK(plain->what.value.view() == "lamp");
  CHECK(!plain->what.ttl);
  CHECK(plain->what.tags.empty());
  CHECK(plain->what.reach == cache_reach::l2);
  CHECK(!plain->what.negative);
  auto all = parse_cache_put(R"({"key": "k", "value_base64": "AP8=", "ttl_ms": 1500,
                                 "tags": ["a", "b"], "reach": "l3", "timeout_ms": 1})");
  REQUIRE(all);
  CHECK(all->what.value.view() == std::string{"\0\xff", 2});
  CHECK(all->what.ttl == 1500ms);
  CHECK(all->what.tags == std::vector<std::string>{"a", "b"});
  CHECK(all->what.reach == cache_reach::l3);
  CHECK(all->timeout == 1ms);
}

TEST_CASE("what is wrong with the body of an entry is named") {
  for (auto& bad :
       {bad_body{"[]", "JSON object"}, bad_body{"{}", "'key'"},
        bad_body{R"({"key": 1, "value": ""})", "'key'"},
        bad_body{R"({"key": "k"})", "'value_base64'"},
        bad_body{R"({"key": "k", "value": "", "value_base64": ""})", "either"},
        bad_body{R"({"key": "k", "value": null})", "'value'"},
        bad_body{R"({"key": "k", "value_base64": "x"})", "'value_base64'"},
        bad_body{R"({"key": "k", "value": "", "ttl_ms": -1})", "'ttl_ms'"},
        bad_body{R"({"key": "k", "value": "", "ttl_ms": 9223372036854775807})", "'ttl_ms'"},
        bad_body{R"({"key": "k", "value": "", "tags": "a"})", "'tags'"},
        bad_body{R"({"key": "k", "value": "", "tags": [1]})", "'tags'"},
        bad_body{R"({"key": "k", "value": "", "reach": "l4"})", "'reach'"},
        bad_body{R"({"key": "k", "value": "", "timeout_ms": 0})", "'timeout_ms'"},
        bad_body{R"({"key": "k", "value": "", "more": 0})", "'more'"}})
    check_refused(parse_cache_put, bad);
  for (auto& bad : {bad_body{"{}", "'key'"}, bad_body{R"({"key": "k", "reach": 1})", "'reach'"}})
    check_refused(parse_cache_erase, bad);
}

TEST_CASE("a removal means keys, a prefix or a tag: one of them") {
  auto keys = parse_cache_removal(R"({"keys": ["a", "b"]})");
  REQUIRE(keys);
  CHECK(std::get<std::vector<std::string>>(keys->what) == std::vector<std::string>{"a", "b"});
  auto prefix = parse_cache_removal(R"({"prefix": "product:", "timeout_ms": 60000})");
  REQUIRE(prefix);
  CHECK(std::get<cache_invalidate>(prefix->what).scope == cache_scope::prefix);
  CHECK(std::get<cache_invalidate>(prefix->what).text == "product:");
  CHECK(prefix->timeout == 60s);
  CHECK(std::get<cache_invalidate>(parse_cache_removal(R"({"tag": "t"})")->what).scope ==
        cache_scope::tag);
  auto too_many = json{{"keys", std::vector<std::string>(max_removed_keys + 1, "k")}}.dump();
  for (auto& bad : {bad_body{"{}", "one of"}, bad_body{R"({"tag": "t", "prefix": "p"})", "one of"},
                    bad_body{R"({"keys": []})", "'keys'"}, bad_body{R"({"keys": [1]})", "'keys'"},
                    bad_body{R"({"tag": 1})", "'tag'"}, bad_body{too_many, "1000"}})
    check_refused(parse_cache_removal, bad);
}

TEST_CASE("sizes and delays are whole numbers within their bounds") {
  CHECK(parse_l1_size(R"({"entries": 2000})") == uint64_t{2000});
  for (auto& bad : {bad_body{"{}", "'entries'"}, bad_body{R"({"entries": -1})", "'entries'"},
                    bad_body{R"({"entries": 1.5})", "'entries'"}})
    check_refused(parse_l1_size, bad);
  CHECK(parse_l1_delay("{}") == caf::timespan{0});
  CHECK(parse_l1_delay(R"({"l1_delay_us": 5000})") == caf::timespan{5ms});
  CHECK(parse_l1_delay(R"({"l1_delay_us": 1000000})") == max_l1_delay);
  for (auto& bad : {bad_body{R"({"l1_delay_us": 1000001})", "'l1_delay_us'"},
                    bad_body{R"({"l1_delay_us": "5ms"})", "'l1_delay_us'"}})
    check_refused(parse_l1_delay, bad);
}

TEST_CASE("a value is text where its bytes are, and Base64 otherwise") {
  CHECK(to_json(cache_value{true, blob{"grün"}, cache_source::l2, false}) ==
        json{{"found", true}, {"value", "grün"}, {"source", "l2"}, {"stale", false}});
  CHECK(to_json(cache_value{true, blob{std::string_view{"\0\xff", 2}}, cache_source::l1, true}) ==
        json{{"found", true}, {"value_base64", "AP8="}, {"source", "l1"}, {"stale", true}});
  CHECK(to_json(cache_value{true, {}, cache_source::l1, false})["value"] == "");
  CHECK(to_json(cache_value{}) == json{{"found", false}, {"source", "none"}, {"stale", false}});
}

TEST_CASE("connections to Redis come with what the decision was made by") {
  cache_sizes sizes{2000, 7, 5, 50, 1500us};
  CHECK(l2_json(sizes) == json{{"l2_connections", 7},
                               {"l2_connections_min", 5},
                               {"l2_connections_max", 50},
                               {"l2_response_p95_ms", 1.5}});
  sizes.l2_response_p95.reset();
  CHECK(l2_json(sizes)["l2_response_p95_ms"].is_null());
}
