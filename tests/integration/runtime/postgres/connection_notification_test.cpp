// Notifications on a connection, whatever it does when they come.
#include "integration/runtime/postgres/connection_scene.hpp"

using namespace dbs;
using namespace dbs::testing;

namespace {

struct listening_scene : connection_scene {
  listening_scene() { REQUIRE(conn.command("LISTEN news")); }

  void notify(const std::string& payload) {
    server.psql("select pg_notify('news', '" + payload + "')");
  }

  void until(size_t count) {
    loop.run_until([&] { return conn.notifications.size() >= count; });
  }
};

} // namespace

TEST_CASE_METHOD(listening_scene, "an idle connection tells of a notification at once") {
  notify("hello");
  until(1);
  CHECK(conn.notifications.front().starts_with("news hello "));
  CHECK(conn.value("select 'works'") == "works");
}

TEST_CASE_METHOD(listening_scene, "its own notification comes before the answer, with its pid") {
  conn.send({"select pg_notify('news', 'mine')", {}, true});
  REQUIRE(conn.next_result());
  CHECK(conn.notifications == std::vector{"news mine " + std::to_string(conn->backend_pid())});
}

TEST_CASE_METHOD(listening_scene, "what is notified while a statement runs comes with its end") {
  conn.send({"select pg_sleep(0.3)", {}, true});
  until_asleep();
  notify("a");
  notify("b");
  REQUIRE(conn.next_result());
  until(2);
  CHECK(conn.notifications.at(0).starts_with("news a "));
  CHECK(conn.notifications.at(1).starts_with("news b "));
}

TEST_CASE_METHOD(listening_scene, "a notification may be the end of the connection") {
  notify("a");
  notify("b");
  conn.on_note = [this] { conn.destroy(); };
  until(1);
  loop.settle();
  CHECK(conn.notifications.size() == 1);
}

TEST_CASE_METHOD(listening_scene, "a notification that comes with an answer may be the end, too") {
  conn.on_note = [this] { conn.destroy(); };
  conn.send({"select pg_notify('news', 'mine')", {}, true});
  until(1);
  loop.settle();
  CHECK(conn.results.empty());
}
