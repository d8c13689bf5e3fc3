#include "unit/runtime/http/server_fixture.hpp"

#include "dbs/messages/error_detail.hpp"

using namespace http_test;
using namespace std::chrono_literals;

// -- time ------------------------------------------------------------------------

TEST_CASE("a request that trickles in is answered with 408", "[http]") {
  fixture f;
  auto c = f.connect_tcp();
  c.send("GET /hello HTTP/1.1\r\n");
  REQUIRE(f.until([&] { return f.server().stats().active == 1 && f.timers.size() == 1; }));
  f.poll();
  // A byte every second keeps nothing alive.
  for (int i = 0; i < 9; ++i) {
    c.send("X");
    f.poll();
    f.advance(1s);
    c.pull();
    REQUIRE(c.received.empty());
  }
  f.advance(1s);
  CHECK(is_error(f.wait_answer(c), 408, "request_timeout"));
  CHECK(f.wait_closed(c));
  CHECK(f.server().stats().timeouts == 1);
}

TEST_CASE("an idle connection is closed without a word", "[http]") {
  fixture f;
  auto c = f.connect_tcp();
  CHECK(f.ask(c, get("/hello")).status == 200);
  f.advance(59s);
  c.pull();
  CHECK_FALSE(c.closed);
  f.advance(1s);
  CHECK(f.wait_closed(c));
  CHECK(c.received.empty());
  CHECK(f.server().stats().active == 0);
  CHECK(f.server().stats().timeouts == 0);
}

TEST_CASE("a handler that does not answer in time is answered for", "[http]") {
  fixture f;
  auto c = f.connect_tcp();
  c.send(get("/later"));
  REQUIRE(f.until([&] { return !f.pending.empty(); }));
  f.advance(30s);
  CHECK(is_error(f.wait_answer(c), 503, "answer_timeout"));
  f.pending[0].answer({200, "text/plain", "too late"});
  CHECK(f.wait_closed(c));
  CHECK(c.received.empty());
  CHECK(f.server().stats().timeouts == 1);
}

TEST_CASE("a client that does not read its answer is dropped", "[http]") {
  fixture f;
  f.add("GET", "/large", [](auto, auto rsp) {
    rsp.answer({200, "text/plain", std::string(32 << 20, 'x')});
  });
  auto c = f.connect_tcp();
  c.send(get("/large"));
  REQUIRE(f.until([&] { return f.server().stats().requests == 1; }));
  f.advance(10s);
  CHECK(f.server().stats().active == 0);
  CHECK(f.server().stats().timeouts == 1);
}

TEST_CASE("a client that does not close after its last answer is dropped", "[http]") {
  fixture f;
  auto c = f.connect_tcp();
  CHECK(f.ask(c, "GET /hello HTTP/1.0\r\n\r\n").status == 200);
  REQUIRE(f.wait_closed(c));
  CHECK(f.server().stats().active == 1);
  f.advance(2s);
  CHECK(f.server().stats().active == 0);
  CHECK(f.timers.size() == 0);
}

TEST_CASE("a handler may ask for more time, or for less", "[http]") {
  fixture f;
  f.options.answer_timeout = 30s;
  auto slow = f.connect_tcp();
  slow.send(get("/later"));
  REQUIRE(f.until([&] { return f.pending.size() == 1; }));
  f.pending[0].answer_within(60s);
  f.advance(59s);
  f.pending[0].answer({200, "text/plain", "at last"});
  CHECK(f.wait_answer(slow).body == "at last");
  // what is answered needs no time any more
  f.pending[0].answer_within(1s);

  slow.send(get("/later"));
  REQUIRE(f.until([&] { return f.pending.size() == 2; }));
  f.pending[1].answer_within(1s);
  f.advance(1s);
  CHECK(is_error(f.wait_answer(slow), 503, "answer_timeout"));
}

// -- bounds ----------------------------------------------------------------------

TEST_CASE("too many connections are answered with 503", "[http]") {
  fixture f;
  f.options.max_connections = 2;
  auto a = f.connect_tcp();
  auto b = f.connect_tcp();
  CHECK(f.ask(a, get("/hello")).status == 200);
  CHECK(f.ask(b, get("/hello")).status == 200);
  auto c = f.connect_tcp();
  c.send(get("/hello"));
  auto got = f.wait_answer(c);
  CHECK(is_error(got, 503, "overloaded"));
  CHECK(got.has("Retry-After: 1"));
  CHECK(f.wait_closed(c));
  CHECK_FALSE(c.reset);
  CHECK(f.server().stats().rejected == 1);
  CHECK(f.server().stats().active == 2);

  a.leave();
  c.leave();
  REQUIRE(f.until([&] { return f.server().stats().active == 1; }));
  auto d = f.connect_tcp();
  CHECK(f.ask(d, get("/hello")).status == 200);
}

TEST_CASE("clients over TCP and over Unix sockets do not take each other's places", "[http]") {
  fixture f;
  f.options.max_connections = 1;
  f.options.max_unix_connections = 1;
  auto tcp = f.connect_tcp();
  CHECK(f.ask(tcp, get("/hello")).status == 200);
  auto local = f.connect_pair();
  CHECK(f.ask(local, get("/hello")).status == 200);
  auto one_more_tcp = f.connect_tcp();
  CHECK(is_error(f.wait_answer(one_more_tcp), 503, "overloaded"));
  auto one_more_local = f.connect_pair();
  CHECK(is_error(f.wait_answer(one_more_local), 503, "overloaded"));
  // a place that is left is free again, for its own kind
  local.leave();
  REQUIRE(f.until([&] { return f.server().stats().active == 1; }));
  auto next_local = f.connect_pair();
  CHECK(f.ask(next_local, get("/hello")).status == 200);
}

TEST_CASE("even clients that are turned away are bounded", "[http]") {
  fixture f;
  f.options.max_connections = 1;
  auto first = f.connect_tcp();
  CHECK(f.ask(first, get("/hello")).status == 200);
  std::vector<client> crowd;
  for (int i = 0; i < 60; ++i)
    crowd.push_back(f.connect_tcp());
  REQUIRE(f.until([&] { return f.server().stats().rejected == 60; }));
  // One timer for the first connection, one for each that waits for its 503.
  CHECK(f.timers.size() == 33);
  for (auto& c : crowd)
    CHECK(f.wait_closed(c));
  CHECK(f.ask(first, get("/hello")).status == 200);
}

TEST_CASE("a connection ends after its last request", "[http]") {
  fixture f;
  f.options.max_requests_per_connection = 2;
  auto c = f.connect_tcp();
  CHECK(f.ask(c, get("/hello")).has("Connection: keep-alive"));
  CHECK(f.ask(c, get("/hello")).has("Connection: close"));
  CHECK(f.wait_closed(c));
}

// -- the end ---------------------------------------------------------------------

TEST_CASE("draining closes idle connections and finishes the others", "[http]") {
  fixture f;
  auto idle = f.connect_tcp();
  auto busy = f.connect_tcp();
  CHECK(f.ask(idle, get("/hello")).status == 200);
  busy.send(get("/later"));
  REQUIRE(f.until([&] { return !f.pending.empty(); }));

  bool drained = false;
  f.server().stop_accepting([&] { drained = true; });
  CHECK(f.wait_closed(idle));
  CHECK_FALSE(drained);
  f.pending[0].answer({200, "text/plain", "done"});
  auto got = f.wait_answer(busy);
  CHECK(got.body == "done");
  CHECK(got.has("Connection: close"));
  CHECK(f.wait_closed(busy));
  busy.leave();
  CHECK(f.until([&] { return drained; }));

  auto fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in addr{};
  addr.sin_family = AF_INET;
  addr.sin_port = htons(f.port);
  addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  CHECK(::connect(fd, reinterpret_cast<sockaddr*>(&addr), sizeof(addr)) != 0);
  ::close(fd);
  CHECK(f.server().listen_tcp("127.0.0.1", 0).error() == dbs::errc::draining);
}

TEST_CASE("draining does not lose a request that has just arrived", "[http]") {
  fixture f;
  auto c = f.connect_pair();
  CHECK(f.ask(c, get("/hello")).status == 200);
  c.send(get("/hello"));
  f.server().stop_accepting();
  auto got = f.wait_answer(c);
  CHECK(got.status == 200);
  CHECK(got.has("Connection: close"));
}

TEST_CASE("a server without connections is drained at once", "[http]") {
  fixture f;
  bool drained = false;
  f.server().stop_accepting([&] { drained = true; });
  CHECK(drained);
}

TEST_CASE("after close nothing of the user is called", "[http]") {
  fixture f;
  int entered = 0;
  auto token = std::make_shared<int>(0);
  f.options.enter = [&entered, token](std::function<void()> fn) {
    ++entered;
    fn();
  };
  auto c = f.connect_tcp();
  auto d = f.connect_tcp();
  c.send(get("/later"));
  REQUIRE(f.until([&] { return !f.pending.empty(); }));
  CHECK(entered > 0);
  f.options.enter = nullptr;
  d.send(get("/later"));

  f.server().close();
  auto before = entered;
  f.pending[0].answer({200, "text/plain", "too late"});
  CHECK(f.wait_closed(c));
  CHECK(c.received.empty());
  CHECK(entered == before);
  CHECK(f.pending.size() == 1);
  CHECK(f.timers.size() == 0);
  // Nor is anything of the user kept.
  CHECK(token.use_count() == 1);
}

TEST_CASE("a handler may close or destroy the server", "[http]") {
  fixture f;
  bool destroy = false;
  SECTION("close") {}
  SECTION("destroy") {
    destroy = true;
  }
  f.add("GET", "/stop", [&](auto, auto rsp) {
    if (destroy)
      f.server_.reset();
    else
      f.server().close();
    rsp.answer({200, "text/plain", "too late"});
  });
  auto c = f.connect_tcp();
  c.send(get("/stop"));
  CHECK(f.wait_closed(c));
  CHECK(c.received.empty());
  CHECK(f.timers.size() == 0);
}

TEST_CASE("every completion runs inside the owner's guard", "[http]") {
  fixture f;
  bool inside = false;
  bool alive = true;
  int dropped = 0;
  f.options.enter = [&](std::function<void()> fn) {
    if (!alive) {
      ++dropped;
      return;
    }
    inside = true;
    fn();
    inside = false;
  };
  bool handled_inside = false;
  f.add("GET", "/inside", [&](auto, auto rsp) {
    handled_inside = inside;
    rsp.answer({200, "text/plain", "x"});
  });
  auto c = f.connect_tcp();
  CHECK(f.ask(c, get("/inside")).status == 200);
  CHECK(handled_inside);

  // An owner that is gone drops the completion; nothing is handled any more.
  alive = false;
  c.send(get("/inside"));
  handled_inside = false;
  REQUIRE(f.until([&] { return dropped > 0; }));
  CHECK_FALSE(handled_inside);
  f.server().close();
  CHECK(f.wait_closed(c));
}

TEST_CASE("an address that cannot be used is named", "[http]") {
  fixture f;
  auto what = [](const caf::error& err) {
    CHECK(err == dbs::errc::config_invalid);
    return dbs::describe(err);
  };
  auto taken = f.server().listen_tcp("127.0.0.1", 0);
  REQUIRE(taken);
  auto again = f.server().listen_tcp("127.0.0.1", *taken);
  REQUIRE_FALSE(again);
  CHECK(what(again.error()).find(std::to_string(*taken)) != std::string::npos);
  auto name = f.server().listen_tcp("example.org", 0);
  REQUIRE_FALSE(name);
  CHECK(what(name.error()).find("'example.org'") != std::string::npos);
}

TEST_CASE("one server listens at several addresses", "[http]") {
  fixture f;
  auto v6 = f.server().listen_tcp("::1", 0);
  auto v4 = f.server().listen_tcp("127.0.0.1", 0);
  REQUIRE(v4);
  if (v6)
    CHECK(*v6 != 0);
  CHECK(*v4 != 0);
  f.port = *v4;
  auto c = f.connect_tcp();
  CHECK(f.ask(c, get("/hello")).status == 200);
}
