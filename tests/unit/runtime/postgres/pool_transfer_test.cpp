// Streams and COPY on a lease: the order of steps, what a lease refuses meanwhile, and
// how a connection comes out of one that nobody brings to its end.
#include "pool_fixture.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace dbs;
using namespace dbs::postgres;
using namespace dbs::postgres::test;

using lines = std::vector<std::string>;
using step = pg_transfer_action;

namespace {

const std::string copy_sql = "COPY t FROM STDIN";

struct scene : pool_fixture {
  scene() : pool_fixture(1) {
    held = lease();
    server.answers = false;
  }

  request_token transfer(step what, std::string text = {}, time_point deadline = never) {
    return pool_fixture::transfer(held, what, std::move(text), deadline);
  }

  /// A stream whose first chunk was delivered, or a COPY that waits for data.
  void open(step what = step::stream) {
    auto token = transfer(what, what == step::stream ? "SELECT 1" : copy_sql);
    conn().chunk();
    REQUIRE((*this)[token].code == errc::none);
    REQUIRE_FALSE((*this)[token].last);
  }

  void begin_transaction() {
    begin(held);
    conn().succeed();
  }

  /// The server ends what was discarded, and its cancel is settled.
  void end_discarded() {
    conn().fail_with(sql_error("57014"));
    conn().settle_cancel();
  }

  /// Whether the lease runs statements.
  bool usable() {
    auto token = on_lease_execute(held, "SELECT 7");
    if (conn().running != "SELECT 7")
      return false;
    conn().succeed();
    return (*this)[token].code == errc::none;
  }

  scripted_connection& conn() { return *server.connections.at(0); }

  pg_lease held;
};

} // namespace

TEST_CASE("a stream delivers a chunk for each request, and then the lease is free") {
  scene f;
  auto first = f.transfer(step::stream, "SELECT 1");
  CHECK(f.conn().running == "stream: SELECT 1");
  CHECK_FALSE(f.answered(first));
  f.conn().chunk();
  CHECK_FALSE(f[first].last);
  CHECK_FALSE(f.conn().running);
  auto second = f.transfer(step::next);
  CHECK(f.conn().running == "next");
  f.conn().chunk(true);
  CHECK(f[second].last);
  CHECK(f.usable());
  CHECK(f.counter("statements") == 2);
}

TEST_CASE("steps that are sent ahead run in order") {
  scene f;
  auto start = f.transfer(step::copy_in, copy_sql);
  auto write = f.transfer(step::write, "1");
  auto finish = f.transfer(step::finish);
  auto select = f.on_lease_execute(f.held, "SELECT 2");
  f.server.answers = true;
  f.run();
  CHECK(f[start].code == errc::none);
  CHECK(f[write].code == errc::none);
  CHECK(f[finish].last);
  CHECK(f[select].code == errc::none);
  CHECK(f.conn().log == lines{"copy_in: COPY t FROM STDIN", "write 1", "finish", "SELECT 2"});
}

TEST_CASE("a lease in the middle of a transfer refuses what does not belong to it") {
  for (auto kind : {step::stream, step::copy_in}) {
    scene f;
    f.open(kind);
    auto name = to_string(kind);
    for (auto token : {f.on_lease_execute(f.held, "SELECT 2"), f.commit(f.held),
                       f.batch(f.held, {"SELECT 3"}), f.transfer(step::stream, "SELECT 4"),
                       f.transfer(kind == step::stream ? step::write : step::next)}) {
      CHECK(f[token].code == errc::invalid_argument);
      CHECK(f[token].what().find(name + " is open") == 0);
      CHECK(f[token]["lease"] == std::to_string(f.held.id));
    }
    // and the transfer goes on
    auto last = f.transfer(kind == step::stream ? step::next : step::finish);
    f.conn().chunk(true);
    CHECK(f[last].last);
  }
}

TEST_CASE("what a transaction had to do without while a stream was open spoils it") {
  scene f;
  f.begin_transaction();
  f.open();
  CHECK(f[f.on_lease_execute(f.held, "INSERT 1")].code == errc::invalid_argument);
  CHECK(f[f.transfer(step::next)].sqlstate() == "25P02");
  auto rollback = f.rollback(f.held);
  f.end_discarded();
  CHECK(f.conn().running == "ROLLBACK");
  f.conn().succeed();
  CHECK(f[rollback].code == errc::none);
  CHECK(f.usable());
}

TEST_CASE("what follows a begin that a stream has kept from running is no single statement") {
  scene f;
  f.open();
  CHECK(f[f.begin(f.held)].code == errc::invalid_argument);
  auto stop = f.transfer(step::stop);
  auto insert = f.on_lease_execute(f.held, "INSERT 1");
  f.end_discarded();
  CHECK(f[stop].code == errc::none);
  CHECK(f[insert].sqlstate() == "25P02");
  CHECK(f[f.rollback(f.held)].code == errc::none);
  CHECK(f.usable());
}

TEST_CASE("a step without anything that is open is refused, but stop is not") {
  scene f;
  for (auto what : {step::next, step::write, step::finish})
    CHECK(f[f.transfer(what)].code == errc::invalid_argument);
  auto stop = f.transfer(step::stop);
  CHECK(f[stop].code == errc::none);
  CHECK(f[stop].last);
  CHECK(f.conn().log.empty());
  CHECK(f.usable());
}

TEST_CASE("what cannot be a transfer is refused before anything is sent") {
  scene f;
  CHECK(f[f.transfer(step::stream, "COMMIT")].code == errc::invalid_argument);
  CHECK(f[f.transfer(step::copy_in, "INSERT 1")].code == errc::invalid_argument);
  CHECK(f[f.transfer(step::copy_in, "COPY t TO STDOUT")].code == errc::invalid_argument);
  CHECK(f[f.transfer(step::copy_out, copy_sql)].code == errc::invalid_argument);
  auto ask = [&f](pg_chunk_size size) {
    auto token = ++f.last_token;
    f->transfer(token, {f.held, step::stream, f.statement("SELECT 1"), size, {}}, f.never);
    return f[token].code;
  };
  CHECK(ask({0, 1}) == errc::invalid_argument);
  CHECK(ask({1, 0}) == errc::invalid_argument);
  CHECK(ask({1, pg_chunk_size::max_bytes + 1}) == errc::payload_too_large);
  CHECK(f.conn().log.empty());
  CHECK(f.usable());
}

TEST_CASE("stop cancels what is open and answers when the connection is ready again") {
  for (auto kind : {step::stream, step::copy_in}) {
    scene f;
    f.open(kind);
    auto stop = f.transfer(step::stop);
    auto next = f.on_lease_execute(f.held, "SELECT 2");
    CHECK(f.conn().log.back() == "discard");
    CHECK(f.conn().cancelling);
    f.conn().fail_with(f.sql_error("57014"));
    CHECK_FALSE(f.answered(stop));
    f.conn().settle_cancel();
    CHECK(f[stop].last);
    CHECK(f.conn().running == "SELECT 2");
    f.conn().succeed();
    CHECK(f[next].code == errc::none);
  }
}

TEST_CASE("a transaction whose stream was stopped is not committed, however late the cancel") {
  scene f;
  f.begin_transaction();
  f.open();
  auto stop = f.transfer(step::stop);
  f.conn().succeed(); // the end of the rows came before the cancel
  f.conn().settle_cancel();
  CHECK(f[stop].code == errc::none);
  auto commit = f.commit(f.held);
  CHECK(f.conn().running == "ROLLBACK");
  f.conn().succeed();
  CHECK(f[commit].sqlstate() == "25P02");
}

TEST_CASE("a session that ends in the middle of a transfer leaves a clean connection") {
  for (auto kind : {step::stream, step::copy_in}) {
    for (auto dies : {false, true}) {
      scene f;
      f.open(kind);
      auto waiting = f.execute("SELECT 8", 2);
      std::optional<request_token> release;
      if (dies)
        f->owner_down(1);
      else
        release = f.release(f.held);
      CHECK(f.conn().log.back() == "discard");
      CHECK(f.conn().cancelling);
      f.conn().fail_with(f.sql_error("57014"));
      CHECK(f.conn().running == std::nullopt);
      f.conn().settle_cancel();
      // nobody got it before
      CHECK(f.conn().running == "SELECT 8");
      f.conn().succeed();
      CHECK(f[waiting].code == errc::none);
      if (release)
        CHECK(f[*release].code == errc::none);
      CHECK(f.server.opened == 1);
    }
  }
}

TEST_CASE("an owner that dies while a chunk is on its way is rolled back") {
  scene f;
  f.begin_transaction();
  f.open();
  f.transfer(step::next);
  f->owner_down(1);
  f.end_discarded();
  CHECK(f.conn().running == "ROLLBACK");
  f.conn().succeed();
  CHECK(f.status().checked_in == 1);
}

TEST_CASE("a transfer that does not end in time costs the connection") {
  scene f;
  f.open();
  f->owner_down(1);
  f.server.settles_cancels = false;
  f.advance(f.settings.cleanup_timeout);
  CHECK(f.counter("quarantine_timeout") == 1);
  CHECK(f->stats().leases == 0);
}

TEST_CASE("a deadline ends the whole transfer, and says if it may have written") {
  struct row {
    step kind;
    std::string sql;
    step last;
    bool in_transaction;
    errc expected;
  };
  for (auto& x :
       {row{step::stream, "SELECT 1", step::next, false, errc::deadline_exceeded},
        row{step::stream, "DELETE 1", step::next, false, errc::in_doubt},
        row{step::stream, "DELETE 1", step::next, true, errc::deadline_exceeded},
        row{step::copy_out, "COPY t TO STDOUT", step::next, false, errc::deadline_exceeded},
        row{step::copy_in, copy_sql, step::write, false, errc::deadline_exceeded},
        row{step::copy_in, copy_sql, step::finish, false, errc::in_doubt},
        row{step::copy_in, copy_sql, step::finish, true, errc::deadline_exceeded}}) {
    INFO(to_string(x.kind) << " " << x.sql << ": " << to_string(x.last) << " " << x.in_transaction);
    scene f;
    if (x.in_transaction)
      f.begin_transaction();
    f.transfer(x.kind, x.sql);
    f.conn().chunk();
    auto late = f.transfer(x.last, {}, f.now + 1s);
    f.advance(1s);
    CHECK(f[late].code == x.expected);
    CHECK(f.conn().log.back() == "discard");
    f.conn().fail_with(f.sql_error("57014"));
    if (!x.in_transaction)
      CHECK(f.usable());
  }
}

TEST_CASE("a COPY that misses a part of its data is not finished") {
  SECTION("because it was too large") {
    scene f;
    f.open(step::copy_in);
    auto large = f.transfer(step::write, std::string(pg_transfer::max_write + 1, 'x'));
    CHECK(f[large].code == errc::payload_too_large);
    CHECK(f[large]["limit"] == std::to_string(pg_transfer::max_write));
    auto finish = f.transfer(step::finish);
    f.end_discarded();
    CHECK(f[finish].code == errc::invalid_argument);
    CHECK(f.usable());
  }
  SECTION("because its turn came too late") {
    scene f;
    f.open(step::copy_in);
    f.transfer(step::write, "1");
    auto late = f.transfer(step::write, "2", f.now + 1s);
    auto finish = f.transfer(step::finish);
    f.advance(1s);
    CHECK(f[late].code == errc::deadline_exceeded);
    f.conn().chunk();
    CHECK(f.conn().log.back() == "discard");
    f.end_discarded();
    CHECK(f[finish].code == errc::invalid_argument);
  }
  SECTION("because too many waited before it") {
    scene f;
    f.open(step::copy_in);
    f.transfer(step::write, "running");
    for (size_t i = 0; i < pool_lease::max_pending; ++i)
      f.transfer(step::write, "waiting");
    CHECK(f[f.transfer(step::write, "refused")].code == errc::overloaded);
    for (size_t i = 0; i <= pool_lease::max_pending; ++i)
      f.conn().chunk();
    CHECK(f.conn().log.back() == "discard");
  }
}

TEST_CASE("an error in the middle of a transfer is the answer, and ends it") {
  for (auto kind : {step::stream, step::copy_in}) {
    scene f;
    f.open(kind);
    auto failed = f.transfer(kind == step::stream ? step::next : step::finish);
    f.conn().fail_with(f.sql_error("22012"));
    CHECK(f[failed].code == errc::query_failed);
    CHECK(f[failed].sqlstate() == "22012");
    CHECK(f.usable());
  }
}

TEST_CASE("a connection that breaks in a transfer answers every step") {
  for (auto asked : {false, true}) {
    scene f;
    f.open();
    std::optional<request_token> next;
    if (asked)
      next = f.transfer(step::next);
    f.conn().transfer = false;
    f.conn().kill();
    if (next)
      CHECK(f[*next].code == errc::in_doubt);
    CHECK(f[f.transfer(step::next)].code == errc::connection_lost);
    CHECK(f.counter("lease_lost") == 1);
  }
}

TEST_CASE("a stream that writes is in doubt if its connection breaks between two chunks") {
  scene f;
  f.transfer(step::stream, "DELETE 1");
  f.conn().chunk();
  f.conn().transfer = false;
  f.conn().kill();
  CHECK(f[f.transfer(step::next)].code == errc::in_doubt);
}

TEST_CASE("a pool that is drained stops what streams") {
  scene f;
  f.open();
  f->drain(f.now + 1s);
  f.advance(1s);
  CHECK(f.conn().log.back() == "discard");
  f.conn().fail_with(f.sql_error("57014"));
  f.run();
  CHECK(f.saw("drained"));
}
