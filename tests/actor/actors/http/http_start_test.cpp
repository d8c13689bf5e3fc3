// Two listeners that do not depend on each other.
#include "actor/actors/http/http_fixture.hpp"

#include <fstream>

using namespace dbs;
using namespace dbs::tests;
using namespace std::chrono_literals;

namespace {

/// Listens where the manager wants to.
class squatter {
public:
  squatter() {
    fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    auto* any = reinterpret_cast<sockaddr*>(&address);
    REQUIRE(::bind(fd_, any, size) == 0);
    REQUIRE(::listen(fd_, 1) == 0);
    REQUIRE(::getsockname(fd_, any, &size) == 0);
    port_ = ntohs(address.sin_port);
  }
  squatter(const squatter&) = delete;
  squatter& operator=(const squatter&) = delete;
  ~squatter() { leave(); }

  void leave() {
    if (fd_ >= 0)
      ::close(std::exchange(fd_, -1));
  }

  uint16_t port() const { return port_; }

private:
  int fd_ = -1;
  uint16_t port_ = 0;
};

} // namespace

TEST_CASE_METHOD(http_fixture, "spawn_each_manager_alone: http") {
  start_well();
  CHECK(ask<void>(http, ready_atom_v, call_context{}));
  CHECK(health_of_http().status == health_status::healthy);
  CHECK(get("/health/live").status == 200);
  auto refused = ask<void>(http, resize_atom_v, call_context{}, resize_request{"size", 1});
  CHECK(refused.error() == errc::invalid_argument);
}

TEST_CASE_METHOD(http_fixture, "it does not listen before it is told to start") {
  http = track(spawn_http(loop(), options));
  run();
  CHECK(options.port->load() == 0);
  CHECK(health_of_http().status == health_status::unhealthy);
}

TEST_CASE_METHOD(http_fixture, "a busy port costs neither the socket nor, once free, readiness") {
  squatter other;
  options.settings.port = other.port();
  auto started = start();
  REQUIRE(started.answered());
  CHECK(started.get().error() == errc::config_invalid);
  auto ready = request<void>(http, ready_atom_v, call_context{});
  // the Unix socket serves meanwhile, and says what is wrong
  CHECK(admin_get("/health/live").status == 200);
  CHECK(health_of_http().status == health_status::unhealthy);
  CHECK(health_of_http().detail.find(std::to_string(other.port())) != std::string::npos);
  advance(10s);
  CHECK(!ready.answered());
  CHECK(admin_get("/health/live").status == 200);

  other.leave();
  advance(5s);
  REQUIRE(ready.answered());
  CHECK(ready.get());
  CHECK(options.port->load() == other.port());
  CHECK(get("/health/live").status == 200);
  CHECK(admin_get("/health/live").status == 200);
  CHECK(health_of_http().status == health_status::healthy);
}

TEST_CASE_METHOD(http_fixture, "a socket path in use costs neither the port nor, once free, "
                               "readiness") {
  std::ofstream{options.settings.socket} << "something else";
  auto started = start();
  REQUIRE(started.answered());
  CHECK(started.get().error() == errc::config_invalid);
  auto ready = request<void>(http, ready_atom_v, call_context{});
  CHECK(get("/health/live").status == 200);
  auto port = options.port->load();
  advance(10s);
  CHECK(!ready.answered());

  std::filesystem::remove(options.settings.socket);
  advance(5s);
  REQUIRE(ready.answered());
  CHECK(options.port->load() == port);
  CHECK(admin_get("/health/live").status == 200);
}

TEST_CASE_METHOD(http_fixture, "a restarted manager takes the same port") {
  start_well();
  auto port = options.port->load();
  caf::anon_send_exit(http, caf::exit_reason::kill);
  run();
  start_well();
  CHECK(options.port->load() == port);
  CHECK(get("/health/live").status == 200);
}

TEST_CASE_METHOD(http_fixture, "draining lets a running request end") {
  start_well();
  auto busy = over_unix();
  busy.send(post("/v1/sql", R"({"sql": "select 1"})"));
  REQUIRE(until([&] { return !pool->held.empty(); }));
  auto drained = request<void>(http, drain_atom_v, call_context::within(now(), 5s));
  run();
  CHECK(!drained.answered());
  CHECK(http_test::connect_unix(options.settings.socket) == -1);
  pool->held[0].deliver(fail(errc::query_failed, "no such table"));
  CHECK(answer_of(busy).status == 422);
  busy.leave();
  REQUIRE(until([&] { return drained.answered(); }));
  CHECK(drained.get());
}

TEST_CASE_METHOD(http_fixture, "draining ends at its deadline, and nobody goes without an answer") {
  start_well();
  auto busy = over_unix();
  busy.send(post("/v1/sql", R"x({"sql": "select pg_sleep(60)", "timeout_ms": 60000})x"));
  REQUIRE(until([&] { return !pool->held.empty(); }));
  auto drained = request<void>(http, drain_atom_v, call_context::within(now(), 5s));
  advance(4s);
  CHECK(!drained.answered());
  advance(800ms);
  auto got = answer_of(busy);
  CHECK(got.status == 503);
  CHECK(got.body.find("draining") != std::string::npos);
  advance(200ms);
  CHECK(drained.get());
}

TEST_CASE_METHOD(http_fixture, "who waits for readiness is told when http shuts down instead") {
  std::ofstream{options.settings.socket} << "something else";
  start();
  auto ready = request<void>(http, ready_atom_v, call_context{});
  run();
  CHECK(ask<void>(http, drain_atom_v, call_context{}));
  CHECK(ready.get().error() == errc::draining);
  std::filesystem::remove(options.settings.socket);
  advance(10s);
  CHECK(!std::filesystem::exists(options.settings.socket));
}
