#include "dbs/runtime/redis/connection.hpp"

#include "unit/runtime/redis/scripted_links.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <optional>

using namespace dbs;
using namespace dbs::test;
using namespace std::chrono_literals;

namespace {

struct fixture : redis::connection_observer {
  fixture() { settings.target.address = {"redis", 6379}; }

  void connect() {
    conn.emplace(settings, redis::reply_limits{}, time.timers(), links.factory(), *this);
    conn->open();
    run();
  }

  void run() {
    auto more = true;
    while (more) {
      more = std::exchange(unflushed, false);
      if (more)
        conn->flush();
      more = links.serve() || more;
    }
  }

  void send(redis_command command) {
    redis::flight x;
    x.command = std::move(command);
    x.probe = true; // so that it is wanted
    conn->send(std::move(x));
  }

  void on_ready(redis::connection&) override { ++ready; }
  void on_reply(redis::connection&, redis::flight&& what, redis_reply&& reply) override {
    replies.push_back(std::string{what.command.name()} + " " + std::string{reply.text()});
  }
  void on_push(redis::connection&, redis_reply message) override {
    pushes.emplace_back(message.at(0).text());
  }
  void on_unflushed(redis::connection&) override { unflushed = true; }
  void on_heard(redis::connection&) override {}

  void on_closed(redis::connection&, caf::error why, redis::flight_queue left,
                 size_t sent) override {
    reason = std::move(why);
    unanswered = left.size();
    unanswered_sent = sent;
  }

  manual_time time;
  scripted_links links;
  redis_settings settings;
  std::optional<redis::connection> conn;
  bool unflushed = false;
  int ready = 0;
  words replies;
  words pushes;
  caf::error reason;
  size_t unanswered = 0;
  size_t unanswered_sent = 0;
};

/// A server before Redis 6.
std::string old_server(scripted_link& link, const words& command) {
  if (command[0] == "HELLO")
    return "-ERR unknown command `HELLO`, with args beginning with: `3`, `AUTH`, `geheim`, \r\n";
  return scripted_links::obliging(link, command);
}

} // namespace

TEST_CASE_METHOD(fixture, "a connection logs in with what the target says, in RESP3") {
  settings.target.user = "alice";
  settings.target.password = secret{"geheim"};
  settings.target.db = 3;
  connect();
  CHECK(ready == 1);
  CHECK(conn->resp3());
  CHECK(links[0].received ==
        std::vector<words>{{"HELLO", "3", "AUTH", "alice", "geheim", "SETNAME", "dbs"},
                           {"SELECT", "3"},
                           {"PING"}});
}

TEST_CASE_METHOD(fixture, "a password without a user is the default user's") {
  settings.target.password = secret{"geheim"};
  connect();
  CHECK(links[0].received[0] == words{"HELLO", "3", "AUTH", "default", "geheim", "SETNAME", "dbs"});
}

TEST_CASE_METHOD(fixture, "a server that does not know HELLO is asked as in the old days") {
  links.answer = old_server;
  settings.target.password = secret{"geheim"};
  connect();
  CHECK(ready == 1);
  CHECK(!conn->resp3());
  links[0].received.erase(links[0].received.begin());
  CHECK(links[0].received ==
        std::vector<words>{{"AUTH", "geheim"}, {"CLIENT", "SETNAME", "dbs"}, {"PING"}});
}

TEST_CASE_METHOD(fixture, "a user who may not name its connection can still log in") {
  links.answer = [](scripted_link& link, const words& command) {
    return command[0] == "CLIENT" ? "-NOPERM this user has no permissions\r\n"
                                  : old_server(link, command);
  };
  connect();
  CHECK(ready == 1);
}

TEST_CASE_METHOD(fixture, "a user who has no right to PING can log in") {
  links.answer = [](scripted_link& link, const words& command) {
    return command[0] == "PING" ? "-NOPERM User app has no permissions to run 'ping'\r\n"
                                : scripted_links::obliging(link, command);
  };
  connect();
  CHECK(ready == 1);
}

TEST_CASE_METHOD(fixture, "a server that takes no clients says so unasked") {
  conn.emplace(settings, redis::reply_limits{}, time.timers(), links.factory(), *this);
  conn->open();
  links.serve();
  // before the login is sent
  links.say(links[0], "-ERR max number of clients reached\r\n");
  CHECK(reason == errc::peer_unavailable);
  CHECK(detail(reason).what.find("max number of clients") != std::string::npos);
}

TEST_CASE_METHOD(fixture, "a refused login says why, and never the password") {
  settings.target.password = secret{"geheim"};
  auto [step, text, code] = GENERATE(table<std::string, std::string, errc>({
      {"HELLO", "WRONGPASS invalid username-password pair", errc::unauthenticated},
      {"HELLO", "WRONGPASS it is not geheim", errc::unauthenticated},
      {"HELLO", "NOAUTH HELLO must be called with authentication", errc::unauthenticated},
      {"HELLO", "DENIED Redis is running in protected mode", errc::peer_unavailable},
      {"AUTH", "ERR unknown command `AUTH`, with args beginning with: `geheim`",
       errc::unauthenticated},
      {"PING", "LOADING Redis is loading the dataset in memory", errc::peer_unavailable},
  }));
  links.answer = [step = step, text = text](scripted_link& link, const words& command) {
    if (command[0] == step)
      return "-" + text + "\r\n";
    return step == "AUTH" ? old_server(link, command) : scripted_links::obliging(link, command);
  };
  connect();
  INFO(text);
  CHECK(ready == 0);
  CHECK(reason == code);
  auto what = detail(reason).what;
  CHECK(what.find(" refused the login: " + text.substr(0, text.find(' '))) != std::string::npos);
  CHECK(what.find("geheim") == std::string::npos);
  CHECK(links[0].observer == nullptr);
}

TEST_CASE_METHOD(fixture, "a database that does not exist is a matter of the settings") {
  settings.target.db = 16;
  links.answer = [](scripted_link& link, const words& command) {
    return command[0] == "SELECT" ? "-ERR DB index is out of range\r\n"
                                  : scripted_links::obliging(link, command);
  };
  connect();
  CHECK(reason == errc::config_invalid);
  CHECK(detail(reason).what.find("refused database 16: ERR DB index") != std::string::npos);
}

TEST_CASE_METHOD(fixture, "a connect timeout ends an attempt and says what it waited for") {
  auto [hangs, waited] =
      GENERATE(table<bool, std::string>({{true, "connection"}, {false, "login"}}));
  links.hang_in_connect = hangs;
  links.answer = [](scripted_link&, const words&) { return std::string{}; };
  connect();
  time.advance(settings.connect_timeout - 1ms, [this] { run(); });
  CHECK(!reason);
  time.advance(1ms, [this] { run(); });
  CHECK(reason == errc::connection_lost);
  CHECK(detail(reason).what.ends_with("within 2s (waited for " + waited + ")"));
}

TEST_CASE_METHOD(fixture, "a push of RESP3 is no reply") {
  connect();
  send(make_redis_command("ECHO", "a"));
  conn->flush();
  links.say(links[0], ">1\r\n+first\r\n");
  run();
  links.say(links[0], ">1\r\n+second\r\n");
  CHECK(pushes == words{"first", "second"});
  CHECK(replies == words{"ECHO a"});
}

TEST_CASE_METHOD(fixture, "what has no reply is handed back, with how much of it was sent") {
  connect();
  links.answer = scripted_links::mute;
  send(make_redis_command("ECHO", "a"));
  run();
  send(make_redis_command("ECHO", "b"));
  links.hang_up(links[0]);
  CHECK(unanswered == 2);
  CHECK(unanswered_sent == 1);
  CHECK(reason == errc::connection_lost);
}

TEST_CASE_METHOD(fixture, "a large command takes many writes and leaves nothing behind") {
  connect();
  auto large = std::string(1 << 20, 'x');
  send(make_redis_command("ECHO", large));
  send(make_redis_command("ECHO", "next"));
  links[0].room = 1000;
  conn->flush();
  CHECK(conn->congested());
  while (conn->congested())
    links.give_room(links[0], 100'000);
  run();
  CHECK(replies == words{"ECHO " + large, "ECHO next"});
  CHECK(conn->pending() == 0);
  CHECK(conn->unflushed_bytes() == 0);
}
