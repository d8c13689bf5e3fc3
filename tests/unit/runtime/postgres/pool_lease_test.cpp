// Leases: order, transactions, ends, and what happens when a connection breaks.
#include "pool_fixture.hpp"

#include "dbs/runtime/postgres/pool_sql.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace dbs;
using namespace dbs::postgres;
using namespace dbs::postgres::test;

using lines = std::vector<std::string>;

TEST_CASE("requests on a lease run one at a time, in order") {
  pool_fixture f;
  auto lease = f.lease();
  f.server.answers = false;
  f.begin(lease);
  auto insert = f.on_lease_execute(lease, "INSERT 1");
  auto commit = f.commit(lease);
  auto release = f.release(lease);
  auto& conn = *f.server.connections[0];
  CHECK(conn.running == "BEGIN");
  conn.succeed();
  CHECK(conn.running == "INSERT 1");
  CHECK_FALSE(f.answered(insert));
  conn.succeed();
  CHECK(conn.running == "COMMIT");
  CHECK_FALSE(f.answered(release));
  conn.succeed();
  CHECK(f[commit].code == errc::none);
  CHECK(f[release].code == errc::none);
  CHECK(f->stats().idle == 1);
  CHECK(conn.log == lines{"BEGIN", "INSERT 1", "COMMIT"});
}

TEST_CASE("more than 64 requests cannot wait on one lease, but a release always can") {
  pool_fixture f;
  auto lease = f.lease();
  f.server.answers = false;
  for (int i = 0; i < 65; ++i)
    f.on_lease_execute(lease, "SELECT " + std::to_string(i));
  CHECK(f.answers.size() == 1);
  auto shed = f.on_lease_execute(lease, "SELECT 66");
  CHECK(f[shed].code == errc::overloaded);
  CHECK(f[shed]["lease"] == std::to_string(lease.id));
  auto release = f.release(lease);
  f.server.answers = true;
  f.run();
  CHECK(f[release].code == errc::none);
}

TEST_CASE("release rolls back what is open, never commits it, and answers when that is done") {
  pool_fixture f;
  auto lease = f.lease();
  f.begin(lease);
  f.on_lease_execute(lease, "INSERT 1");
  f.run();
  f.server.answers = false;
  auto release = f.release(lease);
  auto& conn = *f.server.connections[0];
  CHECK(conn.running == "ROLLBACK");
  CHECK_FALSE(f.answered(release));
  conn.succeed();
  CHECK(f[release].code == errc::none);
  CHECK(f->stats().idle == 1);
}

TEST_CASE("a released lease can be released again, but not used") {
  pool_fixture f;
  auto lease = f.lease();
  f.release(lease);
  f.run();
  CHECK(f[f.release(lease)].code == errc::none);
  auto& used = f[f.on_lease_execute(lease, "SELECT 1")];
  CHECK(used.code == errc::invalid_argument);
  CHECK(used["lease"] == std::to_string(lease.id));
  CHECK(f[f.commit(lease)].code == errc::invalid_argument);
}

TEST_CASE("what follows a release in the queue is refused") {
  pool_fixture f;
  auto lease = f.lease();
  f.server.answers = false;
  f.on_lease_execute(lease, "SELECT 1");
  f.release(lease);
  CHECK(f[f.on_lease_execute(lease, "SELECT 2")].code == errc::invalid_argument);
  CHECK(f[f.release(lease)].code == errc::none);
}

TEST_CASE("a lease that was never given, and one of an earlier incarnation, are told apart") {
  pool_fixture f;
  auto lease = f.lease();
  CHECK(lease.id >> pg_lease_counter_bits == 7);
  CHECK(f[f.begin(pg_lease{lease.id + 1})].code == errc::invalid_argument);
  CHECK(f[f.release(pg_lease{lease.id + 1})].code == errc::invalid_argument);
  pg_lease old{uint64_t{6} << pg_lease_counter_bits | 1};
  CHECK(f[f.on_lease_execute(old, "SELECT 1")].code == errc::restarted);
  CHECK(f[f.release(old)].code == errc::restarted);
}

TEST_CASE("transaction control checks where the transaction stands") {
  pool_fixture f;
  auto lease = f.lease();
  CHECK(f[f.commit(lease)].code == errc::invalid_argument);
  CHECK(f[f.rollback(lease)].code == errc::none);
  auto token = ++f.last_token;
  f->savepoint(token, {lease, pg_savepoint_action::set, "a"}, pool_fixture::never);
  CHECK(f[token].code == errc::invalid_argument);
  f.begin(lease);
  f.run();
  CHECK(f[f.begin(lease)].code == errc::invalid_argument);
  CHECK(f.server.connections[0]->log == lines{"BEGIN"});
}

TEST_CASE("commit of a failed transaction reports that it was rolled back") {
  pool_fixture f;
  auto lease = f.lease();
  f.begin(lease);
  f.run();
  f.server.answers = false;
  auto insert = f.on_lease_execute(lease, "INSERT 1");
  f.server.connections[0]->fail_with(pool_fixture::sql_error("23505", "duplicate key"));
  CHECK(f[insert].sqlstate() == "23505");
  f.server.answers = true;
  auto commit = f.commit(lease);
  f.run();
  CHECK(f[commit].code == errc::query_failed);
  CHECK(f[commit].sqlstate() == "25P02");
  // The transaction is over: another one may begin.
  auto again = f.begin(lease);
  f.run();
  CHECK(f[again].code == errc::none);
}

TEST_CASE("a commit that the server refuses is the server's error") {
  pool_fixture f;
  auto lease = f.lease();
  f.begin(lease);
  f.run();
  f.server.answers = false;
  auto commit = f.commit(lease);
  f.server.connections[0]->fail_with(pool_fixture::sql_error("40001", "could not serialize"));
  CHECK(f[commit].code == errc::query_failed);
  CHECK(f[commit].sqlstate() == "40001");
}

TEST_CASE("transactions typed as SQL are tolerated, because the session's state is watched") {
  pool_fixture f;
  auto lease = f.lease();
  f.on_lease_execute(lease, "BEGIN");
  f.run();
  CHECK(f->holders(f.now)[0].in_transaction);
  auto commit = f.commit(lease);
  f.run();
  CHECK(f[commit].code == errc::none);
  f.on_lease_execute(lease, "BEGIN");
  f.on_lease_execute(lease, "INSERT 1");
  f.release(lease);
  f.run();
  CHECK(f.server.connections[0]->log.back() == "ROLLBACK");
}

TEST_CASE("a connection that breaks during commit leaves it in doubt") {
  pool_fixture f;
  auto lease = f.lease();
  f.begin(lease);
  f.run();
  f.server.answers = false;
  auto commit = f.commit(lease);
  auto queued = f.on_lease_execute(lease, "SELECT 1");
  f.server.connections[0]->kill(true);
  CHECK(f[commit].code == errc::in_doubt);
  CHECK(f[queued].code == errc::connection_lost);
}

TEST_CASE("a deadline that passes during commit leaves it in doubt") {
  pool_fixture f;
  auto lease = f.lease();
  f.begin(lease);
  f.run();
  f.server.answers = false;
  auto commit = f.commit(lease, f.now + 1s);
  f.advance(1s);
  CHECK(f[commit].code == errc::in_doubt);
}

TEST_CASE("a lease that lost its connection says so until it is released") {
  pool_fixture f{1, 0};
  auto lease = f.lease();
  f.server.connections[0]->kill();
  f.run();
  CHECK(f[f.on_lease_execute(lease, "SELECT 1")].code == errc::connection_lost);
  CHECK(f[f.begin(lease)].code == errc::connection_lost);
  CHECK(f.saw("lease_lost"));
  // Its place in the pool is free again.
  auto other = f.lease(2);
  CHECK(other.id != lease.id);
  CHECK(f[f.release(lease)].code == errc::none);
  CHECK(f[f.on_lease_execute(lease, "SELECT 1")].code == errc::invalid_argument);
}

TEST_CASE("the number of lost leases that are remembered is bounded, and released ones are not") {
  pool_fixture f{1, 0};
  auto lose_one = [&] {
    auto lease = f.lease();
    f.server.connections[0]->kill();
    f.run();
    return lease;
  };
  auto first = lose_one();
  for (int i = 0; i < 1023; ++i)
    f.release(lose_one());
  // The many that were released have not pushed out the one that was not.
  CHECK(f[f.on_lease_execute(first, "SELECT 1")].code == errc::connection_lost);
  for (int i = 0; i < 1024; ++i)
    lose_one();
  CHECK(f[f.on_lease_execute(first, "SELECT 1")].code == errc::invalid_argument);
}

TEST_CASE("the death of an owner rolls back and takes back all its leases") {
  pool_fixture f{3, 0};
  auto idle = f.lease(1);
  auto busy = f.lease(1);
  auto other = f.lease(2);
  f.begin(idle);
  f.run();
  f.server.answers = false;
  f.server.settles_cancels = false;
  auto running = f.on_lease_execute(busy, "SELECT pg_sleep(60)");
  auto queued = f.on_lease_execute(busy, "SELECT 1");
  f->owner_down(1);
  CHECK(f[running].code == errc::invalid_argument);
  CHECK(f[queued].code == errc::invalid_argument);
  CHECK(f[f.on_lease_execute(idle, "SELECT 1")].code == errc::invalid_argument);
  CHECK(f->stats().leases == 1);
  CHECK(f.counter("reclaimed") == 2);
  f.server.running("ROLLBACK").succeed();
  CHECK(f->stats().idle == 1);
  auto& sleeping = f.server.running("SELECT pg_sleep(60)");
  CHECK(sleeping.cancelling);
  sleeping.fail_with(pool_fixture::sql_error("57014"));
  sleeping.settle_cancel();
  CHECK(f->stats().idle == 2);
  f.server.answers = true;
  auto alive = f.on_lease_execute(other, "SELECT 1");
  f.run();
  CHECK(f[alive].code == errc::none);
}

TEST_CASE("a lease held for too long is reported once") {
  pool_fixture f;
  f.settings.leak_threshold = 10s;
  auto lease = f.lease(5);
  f.on_lease_execute(lease, "SELECT 'leaky'");
  f.advance(9999ms);
  CHECK_FALSE(f.saw("leak"));
  f.advance(20s);
  CHECK(f.counter("leak") == 1);
  CHECK(f->stats().leaks == 1);
  auto holder = f->holders(f.now).at(0);
  CHECK(holder.leaking);
  CHECK(holder.owner == 5);
  CHECK(holder.lease == lease);
  CHECK(holder.statement == "SELECT '***'");
  f.release(lease);
  f.run();
  CHECK(f->stats().leaks == 0);
  REQUIRE(f.holds.size() == 1);
  CHECK(f.holds[0] == caf::timespan{29999ms});
}

TEST_CASE("holders are listed from the oldest, running statements without a lease") {
  pool_fixture f{3, 0};
  f.lease(1);
  f.advance(1s);
  f.server.answers = false;
  f.execute("SELECT 'busy'", 2);
  f.run();
  f.advance(1s);
  auto all = f->holders(f.now);
  REQUIRE(all.size() == 2);
  CHECK(all[0].owner == 1);
  CHECK(all[0].age == caf::timespan{2s});
  CHECK(all[1].owner == 2);
  CHECK(all[1].lease.id == 0);
  CHECK(all[1].statement == "SELECT '***'");
}

TEST_CASE("the options of a transaction go into BEGIN") {
  pg_transaction what;
  CHECK(begin_sql(what) == "BEGIN");
  what.isolation = pg_isolation::repeatable_read;
  CHECK(begin_sql(what) == "BEGIN ISOLATION LEVEL REPEATABLE READ");
  what.isolation = pg_isolation::read_committed;
  CHECK(begin_sql(what) == "BEGIN ISOLATION LEVEL READ COMMITTED");
  what.isolation = pg_isolation::serializable;
  what.read_only = true;
  what.deferrable = true;
  CHECK(begin_sql(what) == "BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY DEFERRABLE");
}

TEST_CASE("names of savepoints are quoted and bounded") {
  auto sql = [](pg_savepoint_action action, std::string name) {
    return savepoint_sql({{}, action, std::move(name)});
  };
  using enum pg_savepoint_action;
  CHECK(*sql(set, "a\"; DROP TABLE t; --") == "SAVEPOINT \"a\"\"; DROP TABLE t; --\"");
  CHECK(*sql(rollback_to, "a") == "ROLLBACK TO SAVEPOINT \"a\"");
  CHECK(*sql(release, "a") == "RELEASE SAVEPOINT \"a\"");
  CHECK(sql(set, std::string(63, 'x')).engaged());
  CHECK(is(sql(set, std::string(64, 'x')).error(), errc::invalid_argument));
  CHECK(is(sql(set, "").error(), errc::invalid_argument));
  CHECK(is(sql(set, std::string{"a\0b", 3}).error(), errc::invalid_argument));
}

TEST_CASE("a long statement is shown without breaking a character") {
  CHECK(shorten_sql("SELECT 1") == "SELECT 1");
  // The 200th byte is in the middle of an "ä".
  auto text = std::string(199, 'x') + "\xC3\xA4";
  CHECK(shorten_sql(text) == std::string(199, 'x'));
  CHECK(shorten_sql(std::string(300, 'x')).size() == 200);
}
