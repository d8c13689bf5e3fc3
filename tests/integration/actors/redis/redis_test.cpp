#include "integration/actors/redis/redis_fixture.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace dbs;
using namespace dbs::tests;
using namespace std::chrono_literals;

using fixture = redis_fixture;

TEST_CASE_METHOD(fixture, "Redis is there: start, ready, a command, health") {
  REQUIRE(start());
  CHECK(ask<void>(ready_atom_v, call_context{}));
  CHECK(text("PING") == "PONG");
  CHECK(health().status == health_status::healthy);
  // the connection has our name
  CHECK(server.cli({"client", "list"}).find("name=dbs ") != std::string::npos);
  CHECK(ask<void>(drain_atom_v, call_context{}));
  CHECK(testing::eventually([&] {
    return server.cli({"client", "list"}).find("name=dbs ") == std::string::npos;
  }));
}

TEST_CASE_METHOD(fixture, "Redis is killed and started again: noticed at once, then found") {
  REQUIRE(start());
  server.kill();
  CHECK(until(health_status::unhealthy, 500ms));
  CHECK(command("PING").error() == errc::connection_lost);
  server.start();
  CHECK(until(health_status::healthy, 3s));
  CHECK(text("PING") == "PONG");
  // an orderly restart as well
  server.restart();
  CHECK(until(health_status::healthy, 3s));
}

TEST_CASE_METHOD(fixture, "Redis is not there at first") {
  server.kill();
  auto started = start();
  REQUIRE(!started);
  CHECK(detail(started.error()).what ==
        "connection refused at 127.0.0.1:" + std::to_string(server.port()));
  server.start();
  CHECK(ask<void>(ready_atom_v, call_context{}));
}

TEST_CASE_METHOD(fixture, "Redis is paused: unhealthy within three seconds, healthy when resumed") {
  REQUIRE(start());
  server.pause();
  CHECK(until(health_status::unhealthy, 3500ms));
  server.resume();
  CHECK(until(health_status::healthy, 3s));
}

TEST_CASE("the password is right, wrong or missing") {
  testing::private_redis_options options;
  options.password = "geheim";
  options.users = {"alice on >wonder +@all"};
  fixture f{options};
  SECTION("right") {
    f.settings.target.password = secret{"geheim"};
    CHECK(f.start());
  }
  SECTION("right, with a user") {
    f.settings.target.user = "alice";
    f.settings.target.password = secret{"wonder"};
    CHECK(f.start());
    CHECK(f.server.cli({"client", "list"}).find("user=alice") != std::string::npos);
  }
  SECTION("wrong") {
    f.settings.target.password = secret{"geheimer"};
    auto started = f.start();
    CHECK(started.error() == errc::unauthenticated);
    CHECK(detail(started.error()).what.find("WRONGPASS") != std::string::npos);
    CHECK(detail(started.error()).what.find("geheimer") == std::string::npos);
  }
  SECTION("missing") {
    auto started = f.start();
    CHECK(started.error() == errc::unauthenticated);
    CHECK(detail(started.error()).what.find("NOAUTH") != std::string::npos);
  }
}

TEST_CASE("what a user may not do is forbidden, by Redis") {
  testing::private_redis_options options;
  options.users = {"carol on >wonder ~cache:* +@read +ping"};
  fixture f{options};
  f.settings.target.user = "carol";
  f.settings.target.password = secret{"wonder"};
  REQUIRE(f.start());
  CHECK(f.command("GET", "cache:1")->is_nil());
  CHECK(f.command("GET", "other").error() == errc::forbidden);
  CHECK(f.command("SET", "cache:1", "x").error() == errc::forbidden);
}

TEST_CASE_METHOD(fixture, "the database exists or not") {
  settings.target.db = 15;
  CHECK(start());
  CHECK(server.cli({"client", "list"}).find("db=15") != std::string::npos);
  self->send_exit(redis, caf::exit_reason::user_shutdown);
  settings.target.db = 16;
  auto started = start();
  REQUIRE(!started);
  CHECK(started.error() == errc::config_invalid);
  CHECK(detail(started.error()).what.find("refused database 16: ERR DB index is out of range") !=
        std::string::npos);
}

TEST_CASE_METHOD(fixture, "Redis is reached through its Unix socket") {
  settings.target.address = {server.socket_path().string(), 0};
  CHECK(start());
  CHECK(text("PING") == "PONG");
}

TEST_CASE("TLS: the server's certificate must be signed by whom we trust, for its name") {
  testing::private_redis_options options;
  options.tls = testing::tls_mode::offered;
  fixture f{options};
  f.settings.target.tls = true;
  f.settings.target.address.port = f.server.tls_port();
  f.settings.ca_file = f.server.certificates().authority.string();
  SECTION("trusted") {
    REQUIRE(f.start());
    CHECK(f.text("PING") == "PONG");
    f.server.restart();
    CHECK(f.until(health_status::healthy, 3s));
  }
  SECTION("by name") {
    f.settings.target.address.host = "localhost";
    CHECK(f.start());
  }
  SECTION("another name") {
    f.settings.target.address.host = "127.1"; // resolves to the same address
    auto started = f.start();
    CHECK(started.error() == errc::connection_lost);
    INFO(detail(started.error()).what);
    CHECK(detail(started.error()).what.find("mismatch") != std::string::npos);
  }
  SECTION("another authority") {
    f.settings.ca_file = f.server.certificates().rogue_authority.string();
    auto started = f.start();
    CHECK(started.error() == errc::connection_lost);
    CHECK(detail(started.error()).what.find("no TLS session with redis at") == 0);
    CHECK(detail(started.error()).what.find("certificate") != std::string::npos);
  }
  SECTION("the system's authorities do not know it") {
    f.settings.ca_file.clear();
    CHECK(f.start().error() == errc::connection_lost);
  }
  SECTION("no authority") {
    f.settings.ca_file = "/does/not/exist";
    auto started = f.start();
    CHECK(started.error() == errc::config_invalid);
    CHECK(detail(started.error()).what.find("redis.ca_file") == 0);
  }
  SECTION("a server that does not speak it") {
    f.settings.target.address.port = f.server.port();
    f.settings.connect_timeout = 500ms;
    CHECK(f.start().error() == errc::connection_lost);
  }
}

TEST_CASE("TLS: a server that speaks nothing else") {
  testing::private_redis_options options;
  options.tls = testing::tls_mode::required;
  fixture f{options};
  f.settings.target.tls = true;
  f.settings.ca_file = f.server.certificates().authority.string();
  REQUIRE(f.start());
  // more than fits into a record, or a socket's buffer
  std::string large(3 << 20, 'x');
  CHECK(f.text("SET", "large", large) == "OK");
  CHECK(f.text("GET", "large") == large);
}
