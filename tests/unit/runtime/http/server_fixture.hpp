// An HTTP server on a loop that the test turns by hand, on a clock that only the
// test moves, and clients that never block.
#pragma once

#include "unit/runtime/http/client.hpp"

#include "dbs/runtime/http/router.hpp"
#include "dbs/runtime/http/server.hpp"

#include <boost/asio/io_context.hpp>
#include <catch2/catch_test_macros.hpp>
#include <nlohmann/json.hpp>

#include <sys/socket.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace http_test {

/// Checks an error answer and its JSON body.
inline bool is_error(const answer& got, int status, const std::string& code) {
  CAPTURE(got.status, got.body);
  auto body = nlohmann::json::parse(got.body);
  CHECK(got.status == status);
  CHECK(body.at("error") == code);
  CHECK_FALSE(body.at("message").get<std::string>().empty());
  return got.status == status && body.at("error") == code;
}

struct fixture {
  using time_point = dbs::timer_queue::time_point;

  fixture() {
    add("GET", "/hello", [](auto, auto rsp) { rsp.answer({200, "text/plain", "hello\n"}); });
    add("POST", "/echo", [this](dbs::http_request req, dbs::http_responder rsp) {
      rsp.answer({200, "text/plain", req.body});
      last = std::move(req);
    });
    add("GET", "/item/{id}", [this](dbs::http_request req, dbs::http_responder rsp) {
      rsp.answer({200, "text/plain", req.param});
      last = std::move(req);
    });
    add("GET", "/later",
        [this](dbs::http_request, dbs::http_responder rsp) { pending.push_back(std::move(rsp)); });
  }

  void add(const std::string& method, const std::string& path, dbs::http_handler handler) {
    REQUIRE_FALSE(routes.add(method, path, std::move(handler)));
  }

  dbs::http_server& server() {
    if (!server_)
      server_ = std::make_unique<dbs::http_server>(
          io, timers, options, [this](dbs::http_request req, dbs::http_responder rsp) {
            routes(std::move(req), std::move(rsp));
          });
    return *server_;
  }

  client connect_tcp() {
    if (port == 0) {
      auto got = server().listen_tcp("127.0.0.1", 0);
      REQUIRE(got);
      port = *got;
    }
    return http_test::connect_tcp(port);
  }

  /// A client at the other end of a socket pair.
  client connect_pair() {
    int fds[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
    REQUIRE_FALSE(server().adopt(fds[0]));
    return client{fds[1]};
  }

  /// Runs what is ready.
  void poll() {
    io.restart();
    io.poll();
  }

  /// Turns the loop until the condition holds; false after ten seconds.
  bool until(const std::function<bool()>& condition) {
    auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{10};
    for (;;) {
      poll();
      if (condition())
        return true;
      if (std::chrono::steady_clock::now() > deadline)
        return false;
      io.restart();
      io.run_one_for(std::chrono::milliseconds{1});
    }
  }

  answer wait_answer(client& c, bool without_body = false) {
    answer result;
    REQUIRE(until([&] {
      c.pull();
      result = take_answer(c.received, without_body);
      return result.status != 0;
    }));
    return result;
  }

  bool wait_closed(client& c) {
    return until([&c] {
      c.pull();
      return c.closed;
    });
  }

  answer ask(client& c, std::string_view request) {
    c.send(request);
    return wait_answer(c);
  }

  void advance(caf::timespan by) {
    now += by;
    timers.expire(now);
    poll();
  }

  boost::asio::io_context io{1};
  time_point now{};
  dbs::timer_queue timers{[this] { return now; }, [](time_point) {}};
  dbs::http_server_options options;
  dbs::http_router routes;
  dbs::http_request last;
  std::vector<dbs::http_responder> pending;
  uint16_t port = 0;
  std::unique_ptr<dbs::http_server> server_;
};

inline std::string post(std::string_view body) {
  return "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\n\r\n" + std::string{body};
}

} // namespace http_test
