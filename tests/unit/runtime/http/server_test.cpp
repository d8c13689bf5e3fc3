#include "unit/runtime/http/server_fixture.hpp"

#include <stdexcept>

using namespace http_test;

// -- requests --------------------------------------------------------------------

TEST_CASE("a request is answered and the connection stays", "[http]") {
  fixture f;
  auto c = f.connect_tcp();
  for (int i = 0; i < 3; ++i) {
    auto got = f.ask(c, get("/hello"));
    CHECK(got.status == 200);
    CHECK(got.body == "hello\n");
    CHECK(got.has("Content-Type: text/plain"));
    CHECK(got.has("Connection: keep-alive"));
    CHECK(got.head.find("\r\nDate: ") != std::string::npos);
  }
  auto stats = f.server().stats();
  CHECK(stats.accepted == 1);
  CHECK(stats.active == 1);
  CHECK(stats.requests == 3);
}

TEST_CASE("the handler gets the request decoded", "[http]") {
  fixture f;
  auto c = f.connect_tcp();
  auto got = f.ask(c, get("/item/a%2Fb%20c?x=1&y=a+b%2B&flag&x=2&&", "X-Thing:  some value \r\n"));
  CHECK(got.body == "a/b c");
  CHECK(f.last.method == "GET");
  CHECK(f.last.path == "/item/a%2Fb%20c");
  CHECK(f.last.query_value("x") == "1");
  CHECK(f.last.query_value("y") == "a b+");
  CHECK(f.last.query_value("flag") == "");
  CHECK_FALSE(f.last.query_value("z"));
  CHECK(f.last.query.size() == 4);
  CHECK(f.last.header("x-thing") == "some value");
  CHECK_FALSE(f.last.over_unix_socket);
}

TEST_CASE("a request may come byte by byte", "[http]") {
  fixture f;
  auto c = f.connect_tcp();
  for (auto byte : post("some body")) {
    c.send({&byte, 1});
    f.poll();
  }
  CHECK(f.wait_answer(c).body == "some body");
}

TEST_CASE("pipelined requests are answered in order", "[http]") {
  fixture f;
  auto c = f.connect_tcp();
  c.send(get("/later") + get("/item/2") + post("3") + get("/item/4"));
  REQUIRE(f.until([&] { return f.pending.size() == 1; }));
  f.poll();
  c.pull();
  CHECK(c.received.empty());
  f.pending[0].answer({200, "text/plain", "1"});
  for (std::string want : {"1", "2", "3", "4"})
    CHECK(f.wait_answer(c).body == want);
}

TEST_CASE("a chunked body is put together", "[http]") {
  fixture f;
  auto c = f.connect_tcp();
  auto got = f.ask(c, "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
                      "3\r\nabc\r\n4;x=y\r\ndefg\r\n0\r\n\r\n");
  CHECK(got.body == "abcdefg");
}

TEST_CASE("HEAD gets GET's headers without the body", "[http]") {
  fixture f;
  auto c = f.connect_tcp();
  c.send("HEAD /hello HTTP/1.1\r\nHost: h\r\n\r\n");
  auto got = f.wait_answer(c, true);
  CHECK(got.status == 200);
  CHECK(got.has("Content-Length: 6"));
  CHECK(f.ask(c, get("/hello")).body == "hello\n");
}

TEST_CASE("an answer without a body has no length", "[http]") {
  fixture f;
  f.add("DELETE", "/item", [](auto, auto rsp) { rsp.answer({204, "", "ignored"}); });
  auto c = f.connect_tcp();
  auto got = f.ask(c, "DELETE /item HTTP/1.1\r\nHost: h\r\n\r\n");
  CHECK(got.status == 204);
  CHECK(got.head.find("Content-Length") == std::string::npos);
  CHECK(f.ask(c, get("/hello")).body == "hello\n");
}

TEST_CASE("a client that expects 100-continue is told to send", "[http]") {
  fixture f;
  auto c = f.connect_tcp();
  c.send("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
  CHECK(f.wait_answer(c).status == 100);
  CHECK(f.ask(c, "abc").body == "abc");
}

TEST_CASE("HTTP/1.0 and Connection: close end the connection", "[http]") {
  for (std::string request : {"GET /hello HTTP/1.0\r\n\r\n",
                              "GET /hello HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"}) {
    fixture f;
    auto c = f.connect_tcp();
    auto got = f.ask(c, request);
    CHECK(got.status == 200);
    CHECK(got.has("Connection: close"));
    CHECK(f.wait_closed(c));
    CHECK_FALSE(c.reset);
    c.leave();
    CHECK(f.until([&f] { return f.server().stats().active == 0; }));
  }
}

TEST_CASE("an absolute target is understood", "[http]") {
  fixture f;
  auto c = f.connect_tcp();
  CHECK(f.ask(c, get("http://other.example:80/hello")).body == "hello\n");
}

// -- answers ---------------------------------------------------------------------

TEST_CASE("an answer may come later", "[http]") {
  fixture f;
  auto c = f.connect_tcp();
  c.send(get("/later"));
  REQUIRE(f.until([&] { return !f.pending.empty(); }));
  CHECK_FALSE(f.pending[0].answered());
  f.pending[0].answer({202, "text/plain", "done"});
  CHECK(f.pending[0].answered());
  f.pending[0].answer({500, "text/plain", "again"});
  auto got = f.wait_answer(c);
  CHECK(got.status == 202);
  CHECK(got.body == "done");
  f.poll();
  c.pull();
  CHECK(c.received.empty());
}

TEST_CASE("a request that is dropped is answered with 500", "[http]") {
  fixture f;
  auto c = f.connect_tcp();
  c.send(get("/later"));
  REQUIRE(f.until([&] { return !f.pending.empty(); }));
  auto copy = f.pending[0];
  f.pending.clear();
  f.poll();
  c.pull();
  CHECK(c.received.empty());
  copy = dbs::http_responder{[](dbs::http_response) {}};
  CHECK(is_error(f.wait_answer(c), 500, "internal"));
  CHECK(f.ask(c, get("/hello")).status == 200);
}

TEST_CASE("a handler that throws answers 500 and tells nothing", "[http]") {
  fixture f;
  f.add("GET", "/throw", [](auto, auto) { throw std::runtime_error{"internals"}; });
  auto c = f.connect_tcp();
  auto got = f.ask(c, get("/throw"));
  CHECK(is_error(got, 500, "internal"));
  CHECK(got.body.find("internals") == std::string::npos);
}

TEST_CASE("an answer for a client that has left goes nowhere", "[http]") {
  fixture f;
  auto c = f.connect_tcp();
  c.send(get("/later"));
  REQUIRE(f.until([&] { return !f.pending.empty(); }));
  c.leave();
  f.pending[0].answer({200, "text/plain", std::string(1 << 20, 'x')});
  CHECK(f.until([&] { return f.server().stats().active == 0; }));
  f.pending.clear();
  auto other = f.connect_tcp();
  CHECK(f.ask(other, get("/hello")).status == 200);
}

TEST_CASE("a large answer reaches a slow reader", "[http]") {
  fixture f;
  std::string large(3 << 20, 'x');
  f.add("GET", "/large", [&](auto, auto rsp) { rsp.answer({200, "text/plain", large}); });
  auto c = f.connect_tcp();
  CHECK(f.ask(c, get("/large")).body == large);
}

TEST_CASE("headers that would break the answer make it a 500", "[http]") {
  fixture f;
  std::vector<dbs::http_fields> bad{
      {{"X-A", "b\r\nSet-Cookie: c"}}, {{"X A", "b"}}, {{"", "b"}}, {{"content-length", "1"}}};
  size_t next = 0;
  f.add("GET", "/bad", [&](auto, auto rsp) {
    dbs::http_response response{200, "text/plain", "x"};
    response.headers = bad[next++];
    rsp.answer(response);
  });
  auto c = f.connect_tcp();
  while (next < bad.size())
    CHECK(is_error(f.ask(c, get("/bad")), 500, "internal"));
}

// -- refusals --------------------------------------------------------------------

TEST_CASE("an unknown path is 404 and an unknown method 405", "[http]") {
  fixture f;
  auto c = f.connect_tcp();
  CHECK(is_error(f.ask(c, get("/nothing")), 404, "not_found"));
  auto got = f.ask(c, "DELETE /hello HTTP/1.1\r\nHost: h\r\n\r\n");
  CHECK(is_error(got, 405, "method_not_allowed"));
  CHECK(got.has("Allow: GET, HEAD"));
  // Both were complete requests, so the connection stays.
  CHECK(f.ask(c, get("/hello")).status == 200);
}

TEST_CASE("a malformed request is refused and the connection closed", "[http]") {
  struct example {
    std::string request;
    int status;
    std::string code;
  };
  std::vector<example> examples{
      {"nonsense\r\n\r\n", 400, "bad_request"},
      {"GET /hello HTTP/2.0\r\nHost: h\r\n\r\n", 400, "bad_request"},
      {"GET /hello HTTP/1.1\r\n\r\n", 400, "bad_request"},
      {"GET /hello HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400, "bad_request"},
      {"GET /hello HTTP/1.1\r\nHost : h\r\n\r\n", 400, "bad_request"},
      {get("hello"), 400, "bad_request"},
      {get("*"), 400, "bad_request"},
      {get("/item/%zz"), 400, "bad_request"},
      {get("/item/%4"), 400, "bad_request"},
      {get("/item/%00"), 400, "bad_request"},
      {get("/hello?x=%0"), 400, "bad_request"},
      {"CONNECT h:80 HTTP/1.1\r\nHost: h\r\n\r\n", 501, "not_implemented"},
      {"TRACE /hello HTTP/1.1\r\nHost: h\r\n\r\n", 501, "not_implemented"},
      {"BREW /hello HTTP/1.1\r\nHost: h\r\n\r\n", 501, "not_implemented"},
      {"POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501,
       "not_implemented"},
      {"POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nContent-Length: "
       "3\r\n\r\nabc",
       400, "bad_request"},
      {"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", 400,
       "bad_request"},
      {"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n", 400, "bad_request"},
      {"POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", 400,
       "bad_request"},
      {"GET /hello HTTP/1.1\r\nHost: h\r\nExpect: the-unexpected\r\n\r\n", 417,
       "expectation_failed"},
      {get("/" + std::string(3000, 'a')), 414, "target_too_long"},
      {get("/hello", "X-Big: " + std::string(9000, 'a') + "\r\n"), 431, "headers_too_large"},
      {post(std::string(70'000, 'b')), 413, "payload_too_large"},
      {"POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n11170\r\n" +
           std::string(0x11170, 'b') + "\r\n0\r\n\r\n",
       413, "payload_too_large"},
      {"POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1;" +
           std::string(20'000, 'e'),
       400, "bad_request"},
  };
  for (auto& [request, status, code] : examples) {
    CAPTURE(request.substr(0, 100));
    fixture f;
    auto c = f.connect_tcp();
    auto got = f.ask(c, request);
    CHECK(is_error(got, status, code));
    CHECK(got.has("Connection: close"));
    CHECK(f.wait_closed(c));
    // The answer must not be lost to a reset, although not all was read.
    CHECK_FALSE(c.reset);
    CHECK(f.server().stats().bad_requests == 1);
    CHECK(f.server().stats().requests == 0);
  }
}

TEST_CASE("a request cut short is answered with 400", "[http]") {
  fixture f;
  auto c = f.connect_tcp();
  c.send("GET /hello HT");
  c.end_of_input();
  CHECK(is_error(f.wait_answer(c), 400, "bad_request"));
  CHECK(f.wait_closed(c));
}

TEST_CASE("a client that never stops sending is cut off", "[http]") {
  fixture f;
  auto c = f.connect_tcp();
  c.send(get("/hello", "X-Big: " + std::string(9000, 'a') + "\r\n"));
  CHECK(f.wait_answer(c).status == 431);
  std::string noise(16'384, 'x');
  CHECK(f.until([&] { return !c.try_send(noise) || f.server().stats().active == 0; }));
}

TEST_CASE("localhost is an address, though it is not numeric", "[http]") {
  fixture f;
  auto port = f.server().listen_tcp("localhost", 0);
  REQUIRE(port);
  f.port = *port;
  auto c = f.connect_tcp();
  CHECK(f.ask(c, get("/hello")).status == 200);
}
