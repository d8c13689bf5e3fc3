// What happens when sessions end, statements are cancelled and connections destroyed.
#include "integration/runtime/postgres/connection_scene.hpp"

#include "dbs/testing/eventually.hpp"

using namespace dbs;
using namespace dbs::testing;
using postgres::transaction_status;

namespace {

struct scene : connection_scene {
  /// Sends a statement that sleeps, and waits until it does.
  void fall_asleep() {
    conn.send({"select pg_sleep(60)", {}});
    until_asleep();
  }
};

} // namespace

// -- loss ----------------------------------------------------------------------------

TEST_CASE("a session that the server ends while it is idle is noticed without a ping") {
  scene x;
  auto endpoint = x.conn->endpoint();
  SECTION("by an administrator") {
    x.terminate();
    x.loop.run_until([&] { return !x.conn.losses.empty(); });
    CHECK(detail(x.conn.losses[0]).sqlstate == "57P01");
  }
  SECTION("by a shutdown") {
    x.server.stop(postgres_stop::fast);
    x.loop.run_until([&] { return !x.conn.losses.empty(); });
    CHECK(detail(x.conn.losses[0]).sqlstate == "57P01");
  }
  SECTION("by a power cut") {
    x.server.kill();
    x.loop.run_until([&] { return !x.conn.losses.empty(); });
  }
  CHECK(x.conn.losses[0] == errc::connection_lost);
  CHECK(detail(x.conn.losses[0]).what.find("the connection to " + endpoint + " broke: ") == 0);
  CHECK(x.conn.results.empty());
  CHECK(x.conn->status() == transaction_status::unknown);
  // A statement that comes too late was certainly not sent.
  x.conn.losses.clear();
  auto late = x.conn.error("select 1");
  CHECK(late == errc::connection_lost);
  x.loop.settle();
  CHECK(x.conn.losses.empty());
}

TEST_CASE("a statement that was under way when the session ended is in doubt") {
  scene x;
  x.fall_asleep();
  SECTION("by an administrator") {
    x.terminate();
  }
  SECTION("by a power cut") {
    x.server.kill();
  }
  auto result = x.conn.next_result();
  REQUIRE_FALSE(result);
  CHECK(result.error() == errc::in_doubt);
  REQUIRE(x.conn.losses.size() == 1);
  CHECK(x.conn.losses[0] == errc::connection_lost);
  x.loop.settle();
  CHECK(x.conn.losses.size() == 1);
  CHECK(x.conn.results.empty());
}

TEST_CASE("a session that ends itself in the middle of its first statement is lost") {
  scene x;
  for (auto prepare : {true, false}) {
    observed_connection conn{x.loop, settings_for(x.server)};
    conn.open();
    conn.send({"select pg_terminate_backend(pg_backend_pid())", {}, prepare});
    auto result = conn.next_result();
    REQUIRE_FALSE(result);
    CHECK(result.error() == errc::in_doubt);
    CHECK(detail(result.error()).sqlstate == "57P01");
    CHECK(conn.losses.size() == 1);
  }
}

TEST_CASE("half a statement that was sent is in doubt") {
  // given a server that takes nothing any more
  scene x;
  x.server.pause();
  x.conn.send({"select $1::text", make_params(std::string(32 << 20, 'x'))});
  x.loop.settle();
  CHECK(x.conn.calls == 1); // on_connected
  // when
  x.server.kill();
  // then
  auto result = x.conn.next_result();
  REQUIRE_FALSE(result);
  CHECK(result.error() == errc::in_doubt);
  CHECK(x.conn.losses.size() == 1);
}

TEST_CASE("the crash of another session is told with the server's reason") {
  scene x;
  x.server.psql("alter system set restart_after_crash = on");
  observed_connection other{x.loop, settings_for(x.server)};
  other.open();
  ::kill(other->backend_pid(), SIGKILL);
  x.loop.run_until([&] { return !x.conn.losses.empty() && !other.losses.empty(); });
  CHECK(detail(x.conn.losses[0]).sqlstate == "57P02");
}

// -- cancelling ----------------------------------------------------------------------

TEST_CASE("a statement can be cancelled, and the cancel settles once") {
  scene x;
  x.fall_asleep();
  x.loop.call([&] { x.conn->cancel(); });
  x.loop.call([&] { x.conn->cancel(); }); // covered by the first
  auto result = x.conn.next_result();
  REQUIRE_FALSE(result);
  CHECK(detail(result.error()).sqlstate == "57014");
  CHECK(result.error() == errc::query_failed);
  x.loop.run_until([&] { return x.conn.settled > 0; });
  x.loop.settle();
  CHECK(x.conn.settled == 1);
  CHECK(x.conn.value("select 1") == "1");
  // It can be done again.
  x.fall_asleep();
  x.loop.call([&] { x.conn->cancel(); });
  CHECK(detail(x.conn.next_result().error()).sqlstate == "57014");
  x.loop.run_until([&] { return x.conn.settled == 2; });
}

TEST_CASE("once a cancel has settled it hits no later statement") {
  scene x;
  for (int i = 0; i < 30; ++i) {
    // given a statement that may or may not be over when the cancel comes
    x.conn.send({"select 1", {}});
    x.loop.call([&] { x.conn->cancel(); });
    auto settled = x.conn.settled;
    x.loop.run_until([&] { return x.conn.results.size() == 1 && x.conn.settled > settled; });
    x.conn.results.clear();
    // when the next one runs
    auto result = x.conn.run("select pg_sleep(0.002)");
    // then
    INFO(describe(result ? caf::error{} : result.error()));
    CHECK(result);
  }
}

TEST_CASE("a cancel settles even if there is nobody to send it to") {
  scene x;
  SECTION("the server is gone") {
    x.fall_asleep();
    x.server.kill();
    x.loop.call([&] { x.conn->cancel(); });
    CHECK(x.conn.next_result().error() == errc::in_doubt);
  }
  SECTION("the connection was never made") {
    observed_connection fresh{x.loop, settings_for(x.server)};
    x.loop.call([&] { fresh->cancel(); });
    x.loop.run_until([&] { return fresh.settled == 1; });
    x.loop.call([&] { x.conn->cancel(); });
  }
  x.loop.run_until([&] { return x.conn.settled == 1; });
}

TEST_CASE("a cancel that hangs holds neither the loop nor the end of its threads") {
  // given a server that is paused while it runs a statement
  scene x;
  x.fall_asleep();
  x.server.pause();
  x.loop.call([&] { x.conn->cancel(); });
  x.loop.settle();
  CHECK(x.conn.settled == 0);
  // when its owner has enough of it
  x.conn.destroy();
  x.loop.settle();
  auto begin = std::chrono::steady_clock::now();
  x.loop.destroy_threads();
  // then
  CHECK(std::chrono::steady_clock::now() - begin < 10s);
  auto calls = x.conn.calls;
  x.server.resume();
  x.loop.settle();
  CHECK(x.conn.calls == calls);
}

// -- destruction ---------------------------------------------------------------------

TEST_CASE("a connection can be destroyed while it works") {
  scene x;
  x.fall_asleep();
  auto pid = std::to_string(x.conn->backend_pid());
  auto calls = x.conn.calls;
  SECTION("a statement runs") {}
  SECTION("a cancel runs") {
    x.loop.call([&] { x.conn->cancel(); });
  }
  SECTION("a large statement is on its way") {
    x.server.psql("select pg_cancel_backend(" + pid + ")");
    x.conn.next_result();
    ++calls;
    x.server.pause();
    x.conn.send({"select $1::text", make_params(std::string(32 << 20, 'x'))});
    x.loop.settle();
  }
  SECTION("an answer of its own is on its way") {
    x.server.psql("select pg_cancel_backend(" + pid + ")");
    x.conn.next_result();
    ++calls;
    x.conn.send({std::string(1, '\0'), {}});
  }
  x.conn.destroy();
  x.loop.settle();
  CHECK(x.conn.calls == calls);
  // The server has seen it go.
  x.server.resume();
  x.server.psql("select pg_cancel_backend(" + pid + ")");
  CHECK(eventually([&] {
    return x.server.psql("select count(*) from pg_stat_activity where pid = " + pid) == "0";
  }));
}

TEST_CASE("a connection can be destroyed from inside its answers") {
  scene x;
  SECTION("to a statement that succeeds") {
    x.conn.then = [&] { x.conn.destroy(); };
    x.conn.send({"select 1", {}});
    x.loop.run_until([&] { return !x.conn.results.empty(); });
  }
  SECTION("to a statement that is lost: on_lost does not come any more") {
    x.conn.then = [&] { x.conn.destroy(); };
    x.fall_asleep();
    x.server.kill();
    x.loop.run_until([&] { return !x.conn.results.empty(); });
    CHECK(x.conn.results[0].error() == errc::in_doubt);
  }
  x.loop.settle();
  CHECK(x.conn.losses.empty());
  CHECK(x.conn.calls == 2);
}
