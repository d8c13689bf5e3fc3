// LISTEN on a real server: what arrives, and what is said when something did not.
#include "integration/actors/postgres_listener/listener_fixture.hpp"

#include <future>

using namespace dbs;
using namespace dbs::tests;
using texts = std::vector<std::string>;

namespace {

struct fixture : listener_fixture {
  fixture() { start(); }
};

} // namespace

TEST_CASE_METHOD(fixture, "a notification arrives with its payload and its sender") {
  auto sink = listening("news");
  auto pid = server.psql("select pg_notify('news', 'hello'), pg_backend_pid()");
  REQUIRE(sink.hears({"news: hello"}));
  CHECK("|" + std::to_string(sink.last_pid()) == pid);
  server.psql("notify news");
  CHECK(sink.hears({"news: hello", "news: "}));
}

TEST_CASE_METHOD(fixture, "any payload and any name arrive as they are") {
  auto sink = make_sink();
  auto large = std::string(7999, 'x');
  REQUIRE_FALSE(sink.listen("It's \"odd\"; -- Ümlaut"));
  server.psql("select pg_notify('It''s \"odd\"; -- Ümlaut', e'\\'quoted\\' \"and\" \\\\ \\n ä')");
  server.psql("select pg_notify('It''s \"odd\"; -- Ümlaut', repeat('x', 7999))");
  // another channel, as the server has it
  server.psql("select pg_notify('it''s \"odd\"; -- Ümlaut', 'lower case')");
  CHECK(sink.hears(
      {"It's \"odd\"; -- Ümlaut: 'quoted' \"and\" \\ \n ä", "It's \"odd\"; -- Ümlaut: " + large}));
}

TEST_CASE_METHOD(fixture, "what is committed arrives in order, what is rolled back does not") {
  auto sink = listening("news");
  server.psql("begin; notify news, 'never'; rollback");
  server.psql("select count(pg_notify('news', n::text)) from generate_series(1, 1000) n");
  REQUIRE(testing::eventually([&] { return sink.count() >= limits.window; }));
  auto heard = sink.heard();
  for (size_t i = 0; i < heard.size() && heard[i] != "news: gap"; ++i)
    CHECK(heard[i] == "news: " + std::to_string(i + 1));
}

TEST_CASE_METHOD(fixture, "64 channels, each with its own notifications") {
  auto sink = make_sink();
  texts expected;
  for (int i = 0; i < 64; ++i)
    REQUIRE_FALSE(sink.listen("c" + std::to_string(i)));
  for (int i = 0; i < 64; ++i) {
    auto n = std::to_string(i);
    server.psql("select pg_notify('c" + n + "', '" + n + "')");
    expected.push_back("c" + n + ": " + n);
  }
  CHECK(sink.hears(expected));
  CHECK(server.psql("select count(*) from pg_stat_activity where application_name = 'dbs'") == "1");
}

TEST_CASE_METHOD(fixture, "after unlisten nothing comes, and the last one closes the connection") {
  auto sink = make_sink();
  CHECK(session_pid().empty());
  REQUIRE_FALSE(sink.listen("a"));
  REQUIRE_FALSE(sink.listen("b"));
  REQUIRE_FALSE(sink.unlisten("a"));
  notify("a", "late");
  notify("b", "kept");
  CHECK(sink.hears({"b: kept"}));
  REQUIRE_FALSE(sink.unlisten("b"));
  REQUIRE(testing::eventually([&] { return session_pid().empty(); }));
  REQUIRE_FALSE(sink.listen("a"));
  notify("a", "again");
  CHECK(sink.hears({"b: kept", "a: again"}));
}

TEST_CASE_METHOD(fixture, "a sink that ends takes its subscriptions along") {
  auto stays = listening("news");
  auto goes = listening("other");
  goes.stop();
  REQUIRE(testing::eventually([&] { return stat("subscriptions") == 1; }));
  notify("news", "a");
  CHECK(stays.hears({"news: a"}));
  stays.stop();
  CHECK(testing::eventually([&] { return session_pid().empty(); }));
}

TEST_CASE_METHOD(fixture, "a backend that is killed costs one gap, and events go on") {
  auto one = listening("news");
  auto two = listening("news");
  notify("news", "before");
  REQUIRE(one.hears({"news: before"}));
  auto before = session_pid();
  server.psql("select pg_terminate_backend(" + before + ")");
  REQUIRE(one.hears({"news: before", "news: gap"}));
  notify("news", "after");
  CHECK(one.hears({"news: before", "news: gap", "news: after"}));
  CHECK(two.hears({"news: before", "news: gap", "news: after"}));
  CHECK(session_pid() != before);
  CHECK(stat("connections.lost") == 1);
}

TEST_CASE_METHOD(listener_fixture,
                 "a server that hangs is noticed, and costs one gap when it is back") {
  // Only here: where nothing is to be lost, a stall of the machine must not be taken for one.
  limits.heartbeat = 200ms;
  limits.answer_timeout = 2s;
  start();
  auto sink = listening("news");
  server.pause();
  REQUIRE(testing::eventually([&] { return stat("connections.lost") == 1; }));
  CHECK(sink.count() == 0);
  server.resume();
  REQUIRE(sink.hears({"news: gap"}));
  notify("news", "after");
  CHECK(sink.hears({"news: gap", "news: after"}));
}

TEST_CASE_METHOD(fixture, "a server that is restarted costs one gap") {
  auto sink = listening("news");
  server.restart();
  REQUIRE(sink.hears({"news: gap"}));
  notify("news", "after");
  CHECK(sink.hears({"news: gap", "news: after"}));
}

TEST_CASE_METHOD(fixture, "who listens while the server is down hears what comes when it is up") {
  server.stop();
  auto early = make_sink();
  auto listening = std::async(std::launch::async, [&] { return early.listen("news"); });
  CHECK(testing::eventually([this] { return stat("waiting") == 1; }));
  server.start();
  CHECK_FALSE(listening.get());
  notify("news", "a");
  CHECK(early.hears({"news: a"}));
}

TEST_CASE_METHOD(fixture, "a slow sink has a bounded mailbox and hears of a gap") {
  auto slow = listening("news");
  auto quick = listening("news");
  slow.hold();
  for (int i = 0; i < 100; ++i)
    server.psql("select count(pg_notify('news', n::text)) from generate_series(1, 10) n");
  REQUIRE(testing::eventually([&] { return stat("notifications") == 1000; }));
  REQUIRE(testing::eventually([&] { return slow.count() == limits.window; }));
  // once the quick one is through with what it has
  CHECK(testing::eventually(
      [&] { return stat("unanswered") == static_cast<int64_t>(limits.window); }));
  slow.release();
  REQUIRE(testing::eventually([&] { return slow.count_of("news: gap") == 1; }));
  CHECK(slow.heard().back() == "news: gap");
  notify("news", "last");
  REQUIRE(testing::eventually([&] { return slow.heard().back() == "news: last"; }));
  CHECK(slow.count() == limits.window + 2);
  CHECK(stat("dropped") >= 1000 - static_cast<int64_t>(limits.window));
}

TEST_CASE_METHOD(fixture, "a name that the server refuses is an error, and others are heard") {
  auto sink = listening("news");
  auto refused = sink.listen("no utf-8: \xff");
  CHECK(refused == errc::query_failed);
  CHECK(detail(refused).sqlstate == "22021");
  notify("news", "a");
  CHECK(sink.hears({"news: a"}));
  CHECK(stat("connections.opened") == 1);
}

TEST_CASE_METHOD(listener_fixture, "a server that cannot be reached is named by the error") {
  settings.acquire_timeout = 300ms;
  server.stop();
  start();
  auto sink = make_sink();
  auto refused = sink.listen("news");
  CHECK(refused == errc::connection_lost);
  CHECK(detail(refused).what.find("connection refused") != std::string::npos);
}
