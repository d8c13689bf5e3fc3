#include "dbs/runtime/http/router.hpp"

#include "dbs/messages/error_detail.hpp"
#include "dbs/runtime/http/target.hpp"

#include <catch2/catch_test_macros.hpp>

#include <string>
#include <vector>

using namespace dbs;

namespace {

http_handler answering(const std::string& name) {
  return [name](http_request req, http_responder rsp) {
    rsp.answer({200, "text/plain", name + ":" + req.param});
  };
}

http_response ask(const http_router& routes, const std::string& method, const std::string& target) {
  auto parsed = parse_target(target);
  REQUIRE(parsed);
  http_request request;
  request.method = method;
  request.path = parsed->path;
  request.segments = parsed->segments;
  http_response result;
  result.status = 0;
  routes(std::move(request), http_responder{[&result](http_response got) { result = got; }});
  return result;
}

} // namespace

TEST_CASE("routes match by method, exact path and one parameter", "[http][router]") {
  http_router routes;
  REQUIRE_FALSE(routes.add("GET", "/v1/locks/{lease}", answering("one")));
  REQUIRE_FALSE(routes.add("GET", "/v1/locks/stats", answering("stats")));
  REQUIRE_FALSE(routes.add("DELETE", "/v1/locks/{lease}", answering("remove")));
  REQUIRE_FALSE(routes.add("GET", "/", answering("root")));

  CHECK(ask(routes, "GET", "/v1/locks/42").body == "one:42");
  CHECK(ask(routes, "GET", "/v1/locks/a%2fb").body == "one:a/b");
  CHECK(ask(routes, "GET", "/v1/locks/stats?x=1").body == "stats:");
  CHECK(ask(routes, "HEAD", "/v1/locks/42").body == "one:42");
  CHECK(ask(routes, "DELETE", "/v1/locks/42").body == "remove:42");
  CHECK(ask(routes, "GET", "/").body == "root:");
  // An encoded letter is the letter.
  CHECK(ask(routes, "GET", "/%761/locks/42").body == "one:42");

  for (auto target : {"/v1/locks", "/v1/locks/", "/v1/locks/a/b", "/v1/locks/../locks/42",
                      "//v1/locks/42", "/V1/locks/42", "/v1/locks/42/"}) {
    CAPTURE(target);
    CHECK(ask(routes, "GET", target).status == 404);
  }
}

TEST_CASE("a wrong method is told the right ones", "[http][router]") {
  http_router routes;
  REQUIRE_FALSE(routes.add("GET", "/v1/x/{id}", answering("get")));
  REQUIRE_FALSE(routes.add("DELETE", "/v1/x/{id}", answering("delete")));
  REQUIRE_FALSE(routes.add("POST", "/v1/x/now", answering("post")));
  auto got = ask(routes, "PUT", "/v1/x/1");
  CHECK(got.status == 405);
  CHECK(got.headers == http_fields{{"Allow", "DELETE, GET, HEAD"}});
  CHECK(ask(routes, "PUT", "/v1/x/now").headers ==
        http_fields{{"Allow", "DELETE, GET, HEAD, POST"}});
}

TEST_CASE("malformed and double routes are refused", "[http][router]") {
  http_router routes;
  auto refused = [&routes](const std::string& method, const std::string& pattern) {
    return routes.add(method, pattern, answering("x")) == errc::invalid_argument;
  };
  REQUIRE_FALSE(refused("GET", "/a/{x}"));
  CHECK(refused("GET", "/a/{y}"));
  CHECK(refused("GET", "/{x}/a"));
  CHECK(refused("GET", "a"));
  CHECK(refused("GET", ""));
  CHECK(refused("GET", "/a?b"));
  CHECK(refused("get", "/b"));
  CHECK(refused("HEAD", "/b"));
  CHECK(routes.add("GET", "/b", nullptr) == errc::invalid_argument);
}

TEST_CASE("targets are decoded strictly", "[http][router]") {
  auto target = parse_target("/a%20b/%2e%2e/?q=%C3%A4&q=+%2B&=v&k");
  REQUIRE(target);
  CHECK(target->segments == std::vector<std::string>{"a b", "..", ""});
  CHECK(target->query == http_fields{{"q", "\xc3\xa4"}, {"q", " +"}, {"", "v"}, {"k", ""}});

  for (std::string bad : {"", "a", "?", "*", "/%", "/%1", "/%g0", "/%0g", "/%00", "/%0a", "/%7f",
                          "/?%", "/?a=%1", "/?a=%00", "https://h/", "ftp://h/"}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_target(bad));
  }
  std::string deep, wide = "/?a";
  for (int i = 0; i < 64; ++i) {
    deep += "/x";
    wide += i < 63 ? "&a" : "";
  }
  CHECK(parse_target(deep));
  CHECK_FALSE(parse_target(deep + "/x"));
  CHECK(parse_target(wide));
  CHECK_FALSE(parse_target(wide + "&a"));
}

TEST_CASE("an error message may quote anything", "[http][router]") {
  auto got = http_error(400, "bad_request", "\"\xff\n");
  CHECK(got.status == 400);
  CHECK(got.body == "{\"error\":\"bad_request\",\"message\":\"\\\"\xef\xbf\xbd\\n\"}\n");
}
