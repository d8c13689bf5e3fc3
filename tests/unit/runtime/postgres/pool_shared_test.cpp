// Statements of several callers on one connection: who shares, who waits, and what
// becomes of each when something goes wrong.
#include "pool_fixture.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <deque>
#include <set>
#include <string>

using namespace dbs;
using namespace dbs::postgres;
using namespace dbs::postgres::test;

namespace {

/// A pool with one idle connection, whose server answers when it is told to.
struct shared_fixture : pool_fixture {
  explicit shared_fixture(uint32_t size = 1, uint32_t shared = 4) : pool_fixture(size) {
    settings.shared_connections = shared;
  }

  void open() {
    make_pool().start();
    run();
    server.answers = false;
  }

  scripted_connection& conn(size_t i = 0) { return *server.connections.at(i); }

  /// The statement that runs is answered.
  void answer_one(size_t i = 0) {
    conn(i).succeed();
    run();
  }

  errc code(request_token token) { return (*this)[token].code; }
};

} // namespace

TEST_CASE("shared statements run on one connection and are answered in order") {
  shared_fixture f;
  f.open();
  auto a = f.share("select 1", 1);
  auto b = f.share("select 2", 2);
  auto c = f.execute("select 3", 3);
  CHECK(f.conn().running == "select 1");
  CHECK(f.conn().behind == std::deque<std::string>{"select 2"});
  auto stats = f->stats();
  CHECK(stats.shared_connections == 1);
  CHECK(stats.shared_statements == 2);
  CHECK(stats.waiting == 1);
  f.answer_one();
  CHECK(f.answered(a));
  CHECK_FALSE(f.answered(b));
  f.answer_one();
  CHECK(f.answered(b));
  // The one that does not share has waited for a connection to itself.
  CHECK(f.conn().running == "select 3");
  f.answer_one();
  CHECK(f.answered(c));
  CHECK(f->stats().shared_connections == 0);
  CHECK(f.counter("shared") == 2);
}

TEST_CASE("what needs its session does not share") {
  shared_fixture f;
  f.open();
  for (auto* sql : {"set x = 1", "listen x", "begin", "copy t to stdout", "declare c cursor for q",
                    "select pg_advisory_lock(1)", "select pg_advisory_xact_lock(1)",
                    "select set_config('a', 'b', false)", "create table t ()", "who knows"})
    f.share(sql);
  CHECK(f.conn().behind.empty());
  CHECK(f->stats().shared_connections == 0);
  CHECK(f->stats().waiting == 9);
}

TEST_CASE("a statement whose parameter cannot be sent does not share") {
  shared_fixture f;
  f.open();
  auto bad = shared(make_statement("select $1", std::string{"a\0b", 3}));
  REQUIRE_FALSE(bad.params.error().empty());
  f->execute(1, 1, bad, pool_fixture::never);
  CHECK(f->stats().shared_connections == 0);
}

TEST_CASE("nothing shares if sharing is off") {
  shared_fixture f{1, 0};
  SECTION("by its setting") {}
  SECTION("by strict resets") {
    f.settings.shared_connections = 4;
    f.settings.strict_reset = true;
  }
  SECTION("behind a transaction pooler") {
    f.settings.shared_connections = 4;
    f.settings.transaction_pooler = true;
  }
  f.open();
  f.share("select 1");
  f.share("select 2");
  CHECK(f.conn().behind.empty());
  CHECK(f->stats().waiting == 1);
}

TEST_CASE("who holds a lease does not share") {
  shared_fixture f{2};
  f.open();
  f.lease(7);
  f.share("select 1", 7);
  f.run();
  CHECK(f->stats().shared_connections == 0);
  f.share("select 2", 8);
  CHECK(f->stats().waiting == 1);
}

TEST_CASE("idle connections are shared first, up to the limit, then the emptiest") {
  shared_fixture f{3, 2};
  f.settings.min_idle = 3;
  f.open();
  for (int i = 0; i < 5; ++i)
    f.share("select " + std::to_string(i));
  std::multiset<size_t> depths;
  for (auto* x : f.server.connections)
    depths.insert(x->running ? 1 + x->behind.size() : 0);
  CHECK(depths == std::multiset<size_t>{0, 2, 3});
}

TEST_CASE("if the shared connections are crowded, one more is opened") {
  shared_fixture f{5, 3};
  f.open();
  for (int i = 0; i < 8; ++i)
    f.share("select 1");
  f.run();
  CHECK(f.server.opened == 1);
  f.share("select 1");
  f.run();
  CHECK(f.server.opened == 2);
  for (int i = 0; i < 60; ++i)
    f.share("select 1");
  f.run();
  // Not more than may be shared.
  CHECK(f.server.opened == 3);
}

TEST_CASE("depth and bytes of a shared connection are bounded, and the rest waits") {
  shared_fixture f;
  f.settings.max_waiting = 2;
  f.open();
  SECTION("depth") {
    for (int i = 0; i < 34; ++i)
      f.share("select 1");
    CHECK(f.conn().behind.size() == 31);
  }
  SECTION("bytes") {
    for (int i = 0; i < 4; ++i)
      f->execute(++f.last_token, 1,
                 shared(make_statement("select $1", std::string(100 << 10, 'x'))),
                 pool_fixture::never);
    CHECK(f.conn().behind.size() == 1);
  }
  SECTION("bytes that the socket does not take") {
    f.share("select 1");
    f.conn().is_congested = true;
    f.share("select 1");
    f.share("select 1");
    CHECK(f.conn().behind.empty());
  }
  CHECK(f->stats().waiting == 2);
  CHECK(f.code(f.share("select 1")) == errc::overloaded);
  f.conn().is_congested = false;
  f.answer_one();
  CHECK(f->stats().waiting < 2);
  f.server.answers = true;
  f.run();
  CHECK(f->stats().waiting == 0);
}

TEST_CASE("a shared statement that waits ends with the acquire timeout") {
  shared_fixture f;
  f.open();
  for (int i = 0; i < 32; ++i)
    f.share("select 1");
  auto late = f.share("select 1");
  f.advance(10s);
  CHECK(f.code(late) == errc::pool_exhausted);
}

TEST_CASE("a statement that fails fails alone") {
  shared_fixture f;
  f.open();
  auto a = f.share("select 1");
  auto b = f.share("select 2");
  f.conn().fail_with(pool_fixture::sql_error("22012"));
  CHECK(f[a].sqlstate() == "22012");
  f.answer_one();
  CHECK(f.code(b) == errc::none);
}

TEST_CASE("a connection that breaks leaves in doubt what was sent, and the rest moves") {
  shared_fixture f;
  f.open();
  auto a = f.share("insert into t values (1)");
  auto b = f.share("select 2");
  auto waits = f.execute("select 3");
  f.conn().kill();
  CHECK(f.code(a) == errc::in_doubt);
  CHECK(f.code(b) == errc::in_doubt);
  f.server.answers = true;
  f.advance(5s);
  CHECK(f.code(waits) == errc::none);
}

TEST_CASE("shared statements of which nothing was sent run elsewhere") {
  shared_fixture f;
  f.open();
  auto a = f.share("insert into t values (1)", 1);
  auto b = f.share("select 2", 2, f.now + 60s);
  f.conn().kill(false);
  CHECK_FALSE(f.answered(a));
  CHECK_FALSE(f.answered(b));
  f.server.answers = true;
  f.advance(5s);
  CHECK(f.code(a) == errc::none);
  CHECK(f.code(b) == errc::none);
  CHECK(f.counter("retried") == 2);
}

TEST_CASE("an answer that says the connection is of no use ends the sharing") {
  shared_fixture f;
  f.open();
  auto a = f.share("select 1");
  auto b = f.share("select 2");
  f.conn().fail_with(fail(errc::in_doubt, "out of memory"));
  CHECK(f.code(a) == errc::in_doubt);
  auto c = f.share("select 3");
  CHECK(f.conn().behind.empty());
  f.answer_one();
  CHECK(f.code(b) == errc::none);
  f.server.answers = true;
  f.advance(5s);
  CHECK(f.code(c) == errc::none);
  CHECK(f.server.opened == 2);
}

TEST_CASE("a late statement is answered at once, and cancelled when it is its turn") {
  shared_fixture f;
  f.open();
  auto a = f.share("select 1");
  auto late = f.share("insert into t values (1)", 1, f.now + 10ms);
  auto c = f.share("select 3");
  f.advance(10ms);
  CHECK(f.code(late) == errc::in_doubt);
  CHECK_FALSE(f.conn().cancelling);
  // Nothing new joins them.
  f.share("select 4");
  CHECK(f.conn().behind.size() == 2);
  f.server.settles_cancels = false;
  f.answer_one();
  CHECK(f.answered(a));
  CHECK(f.conn().cancelling);
  f.conn().fail_with(pool_fixture::sql_error("57014"));
  f.answer_one();
  CHECK(f.code(c) == errc::none);
  // Until the cancel has settled the connection is nobody's.
  CHECK_FALSE(f.conn().running);
  f.conn().settle_cancel();
  f.run();
  CHECK(f.conn().running == "select 4");
  CHECK(f.counter("cancel") == 1);
}

TEST_CASE("a shared connection whose cancel does not settle is closed in the end") {
  shared_fixture f;
  f.open();
  auto late = f.share("select 1", 1, f.now + 10ms);
  auto b = f.share("select 2");
  f.server.settles_cancels = false;
  f.advance(10ms);
  CHECK(f.code(late) == errc::deadline_exceeded);
  // It is its neighbour's turn, and then nobody's.
  f.answer_one();
  f.answer_one();
  CHECK(f.code(b) == errc::none);
  auto c = f.share("select 3");
  f.server.answers = true;
  f.advance(f.settings.cleanup_timeout);
  CHECK(f.counter("quarantine_timeout") == 1);
  CHECK(f.code(c) == errc::none);
  CHECK(f.server.opened == 2);
}

TEST_CASE("a neighbour that a cancel hits is run again") {
  shared_fixture f;
  f.open();
  auto late = f.share("select 1", 1, f.now + 10ms);
  auto b = f.share("insert into t values (1)");
  f.server.settles_cancels = false;
  f.advance(10ms);
  CHECK(f.code(late) == errc::deadline_exceeded);
  CHECK(f.conn().cancelling);
  f.conn().succeed();
  f.conn().fail_with(pool_fixture::sql_error("57014"));
  CHECK_FALSE(f.answered(b));
  f.conn().settle_cancel();
  f.run();
  CHECK(f.conn().running == "insert into t values (1)");
  f.answer_one();
  CHECK(f.code(b) == errc::none);
}

TEST_CASE("a statement timeout is no neighbour's cancel") {
  shared_fixture f;
  f.open();
  auto a = f.share("select 1");
  f.share("select 2");
  f.conn().fail_with(pool_fixture::sql_error("57014"));
  CHECK(f[a].sqlstate() == "57014");
}

TEST_CASE("each late statement is cancelled in its turn") {
  shared_fixture f;
  f.open();
  f.share("select 1", 1, f.now + 10ms);
  f.share("select 2", 1, f.now + 10ms);
  auto c = f.share("select 3");
  f.advance(10ms);
  CHECK(f.counter("cancel") == 1);
  f.conn().fail_with(pool_fixture::sql_error("57014"));
  f.run();
  CHECK(f.counter("cancel") == 2);
  f.conn().fail_with(pool_fixture::sql_error("57014"));
  f.answer_one();
  CHECK(f.code(c) == errc::none);
}

TEST_CASE("a cancelled statement that does not end costs the connection") {
  shared_fixture f;
  f.open();
  f.share("select 1", 1, f.now + 10ms);
  auto b = f.share("select 2");
  f.advance(10ms + f.settings.cleanup_timeout);
  CHECK(f.code(b) == errc::in_doubt);
  CHECK(f.counter("quarantine_timeout") == 1);
}

TEST_CASE("a server that does not keep the statement timeout is not believed") {
  shared_fixture f;
  f.settings.statement_timeout = 2s;
  f.open();
  auto a = f.share("select 1");
  auto b = f.share("select 2");
  f.advance(2900ms);
  CHECK_FALSE(f.answered(a));
  f.advance(100ms);
  CHECK(f.code(a) == errc::deadline_exceeded);
  CHECK_FALSE(f.answered(b));
  f.conn().fail_with(pool_fixture::sql_error("57014"));
  f.run();
  // The time of the one behind begins with its turn.
  f.advance(2900ms);
  CHECK_FALSE(f.answered(b));
  f.advance(3s);
  CHECK(f.code(b) == errc::deadline_exceeded);
}

TEST_CASE("who waits for a connection of their own gets one, however many share") {
  shared_fixture f;
  f.open();
  f.share("select 1");
  f.checkout(5);
  auto later = f.share("select 2");
  // All connections are shared, so this one takes nothing more.
  CHECK(f.conn().behind.empty());
  f.answer_one();
  CHECK(f->stats().leases == 1);
  CHECK_FALSE(f.answered(later));
}

TEST_CASE("who waits for a connection of their own need not wait for the end of a lease") {
  shared_fixture f{2};
  f.open();
  f.lease(5);
  f.share("select 1");
  f.run();
  f.share("select 2");
  f.checkout(6);
  f.share("select 3");
  CHECK(f.conn(1).behind == std::deque<std::string>{"select 2"});
  f.answer_one(1);
  f.answer_one(1);
  CHECK(f->stats().leases == 2);
}

TEST_CASE("a statement that takes long shares no more, and its connection neither") {
  shared_fixture f{3, 1};
  f.open();
  f.share("select slow");
  auto caught = f.share("select quick");
  f.advance(50ms);
  // Another connection takes over.
  auto quick = f.share("select quick");
  f.run();
  CHECK(f.conn(1).running == "select quick");
  f.answer_one(1);
  CHECK(f.answered(quick));
  f.answer_one();
  f.answer_one();
  CHECK(f.answered(caught));
  // Both are idle now. The slow text has one to itself from here on.
  f.share("select slow");
  f.share("select quick");
  CHECK(f->stats().shared_statements == 1);
  CHECK(f.counter("shared_slow") == 1);
}

TEST_CASE("slow statements leave connections to those that share") {
  shared_fixture f{4, 2};
  f.settings.min_idle = 4;
  f.open();
  f.share("select slow");
  f.advance(60ms);
  f.conn(3).succeed();
  f.run();
  for (int i = 0; i < 5; ++i)
    f.share("select slow");
  auto running = [&f] {
    return std::count_if(f.server.connections.begin(), f.server.connections.end(),
                         [](auto* x) { return x->running.has_value(); });
  };
  CHECK(running() == 2);
  CHECK(f->stats().waiting == 3);
  f.share("select quick");
  CHECK(running() == 3);
  f.server.answers = true;
  f.run();
  CHECK(f->stats().waiting == 0);
}

TEST_CASE("a stale plan under way several times is prepared anew once") {
  shared_fixture f;
  f.open();
  auto a = f.share("select * from t");
  auto b = f.share("select * from t");
  f.conn().fail_with(pool_fixture::stale_plan());
  f.conn().fail_with(pool_fixture::stale_plan());
  CHECK(f.conn().forgotten == 1);
  f.server.answers = true;
  f.run();
  CHECK(f.code(a) == errc::none);
  CHECK(f.code(b) == errc::none);
  CHECK(f.counter("stale_plan") == 2);
}

TEST_CASE("draining answers everything that shares") {
  shared_fixture f;
  f.open();
  auto a = f.share("select 1");
  auto b = f.share("insert into t values (1)");
  f->drain(f.now + 1s);
  CHECK(f.code(f.share("select 3")) == errc::draining);
  f.advance(1s);
  CHECK(f.code(a) == errc::draining);
  CHECK(f.code(b) == errc::in_doubt);
  f.advance(f.settings.cleanup_timeout);
  CHECK(f.saw("drained"));
}

TEST_CASE("the list of holders has a shared connection once, with its oldest caller") {
  shared_fixture f;
  f.open();
  f.share("select 1", 1, f.now + 10ms);
  f.share("select 2", 2);
  CHECK(f->holders(f.now).at(0).owner == 1);
  f.advance(10ms);
  REQUIRE(f->holders(f.now).size() == 1);
  CHECK(f->holders(f.now).at(0).owner == 2);
}
