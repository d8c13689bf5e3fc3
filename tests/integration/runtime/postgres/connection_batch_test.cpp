#include "integration/runtime/postgres/connection_scene.hpp"

using namespace dbs;
using namespace dbs::testing;
using postgres::transaction_status;

namespace {

struct scene : connection_scene {
  using connection_scene::connection_scene;

  /// The first cells of the last batch.
  std::vector<std::string> cells() const {
    std::vector<std::string> result;
    for (auto& part : conn.parts)
      result.emplace_back(part.empty() ? part.command_tag() : part.row(0).text(0));
    return result;
  }
};

std::string statement_of(const caf::error& reason) {
  return field_of(reason, "statement");
}

using cells = std::vector<std::string>;

} // namespace

TEST_CASE("the results of a batch come in the order of its statements") {
  scene x;
  CHECK_FALSE(x.conn.run_batch({make_statement("create table t (id int, name text)"),
                                make_statement("insert into t values ($1, $2)", 1, "one"),
                                make_statement("insert into t values ($1, $2)", 2, "two"),
                                make_statement("select name from t where id = $1", 2),
                                make_statement("select count(*) from t")}));
  CHECK(x.cells() == cells{"CREATE TABLE", "INSERT 0 1", "INSERT 0 1", "two", "2"});
  CHECK(x.conn->status() == transaction_status::idle);
}

TEST_CASE("a text that comes twice in a batch is prepared once, and found by the next") {
  scene x;
  auto twice =
      std::vector{make_statement("select $1::int", 1), make_statement("select $1::int", 2)};
  CHECK_FALSE(x.conn.run_batch(twice));
  CHECK(x.cells() == cells{"1", "2"});
  CHECK(x.prepared() == "1");
  CHECK_FALSE(x.conn.run_batch(twice));
  CHECK(x.conn.value("select $1::int", 3) == "3");
  CHECK(x.prepared() == "1");
  // one that is not to be prepared is not
  auto unprepared = make_statement("select $1::int + 1", 1);
  unprepared.prepare = false;
  CHECK_FALSE(x.conn.run_batch({unprepared, twice[0]}));
  CHECK(x.cells() == cells{"2", "1"});
  CHECK(x.prepared() == "1");
}

TEST_CASE("a batch with more texts than the cache holds evicts and goes on") {
  scene x{2};
  std::vector<pg_statement> many;
  for (int i = 0; i < 10; ++i)
    many.push_back(make_statement("select " + std::to_string(i)));
  for (int round = 0; round < 3; ++round) {
    CHECK_FALSE(x.conn.run_batch(many));
    CHECK(x.cells() == cells{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"});
  }
  CHECK(x.conn.value("select 'after'") == "after");
}

TEST_CASE("a statement that fails ends its batch, and nothing of it stays") {
  scene x;
  REQUIRE(x.conn.run("create table t (id int primary key)"));
  auto reason = x.conn.run_batch(
      {make_statement("insert into t values (1)"), make_statement("insert into t values (2)"),
       make_statement("insert into t values ($1)", 1), make_statement("insert into t values (4)")});
  CHECK(reason == errc::query_failed);
  CHECK(detail(reason).sqlstate == "23505");
  CHECK(statement_of(reason) == "2");
  CHECK(x.cells() == cells{"INSERT 0 1", "INSERT 0 1"});
  CHECK(x.conn->status() == transaction_status::idle);
  CHECK(x.conn.value("select count(*) from t") == "0");
}

TEST_CASE("one that does not parse ends its batch, too") {
  scene x;
  auto reason = x.conn.run_batch(
      {make_statement("select 1"), make_statement("selec 2"), make_statement("select 3")});
  CHECK(detail(reason).sqlstate == "42601");
  CHECK(statement_of(reason) == "1");
  CHECK(x.cells() == cells{"1"});
  CHECK_FALSE(x.conn.run_batch({make_statement("select 3"), make_statement("select 1")}));
  CHECK(x.cells() == cells{"3", "1"});
}

TEST_CASE("a batch takes part in a transaction that is open") {
  scene x;
  REQUIRE(x.conn.run("create table t (id int)"));
  REQUIRE(x.conn.command("BEGIN"));
  CHECK_FALSE(x.conn.run_batch({make_statement("insert into t values (1)")}));
  CHECK(x.conn->status() == transaction_status::in_transaction);
  CHECK(x.conn.run_batch({make_statement("select 1 / 0")}));
  CHECK(x.conn->status() == transaction_status::failed);
  auto reason = x.conn.run_batch({make_statement("select 1"), make_statement("select 2")});
  CHECK(detail(reason).sqlstate == "25P02");
  CHECK(statement_of(reason) == "0");
  REQUIRE(x.conn.command("ROLLBACK"));
  CHECK(x.conn.value("select count(*) from t") == "0");
}

TEST_CASE("what cannot be sent is refused before anything is") {
  scene x;
  auto reason = x.conn.run_batch(
      {make_statement("select 1"), make_statement("select $1::text", std::string{"a\0b", 3})});
  CHECK(reason == errc::invalid_argument);
  CHECK(statement_of(reason) == "1");
  CHECK(x.conn.parts.empty());
  CHECK(x.conn.value("select 1") == "1");
}

TEST_CASE("a batch does not jam when both sides have more to write than fits into sockets") {
  scene x;
  std::vector<pg_statement> both;
  auto large = std::string(1 << 20, 'x');
  for (int i = 0; i < 20; ++i)
    both.push_back(make_statement("select $1::text", large));
  CHECK_FALSE(x.conn.run_batch(both));
  REQUIRE(x.conn.parts.size() == 20);
  for (auto& part : x.conn.parts)
    CHECK(part.row(0).text(0) == large);
}

TEST_CASE("a cancel ends a batch in the middle, and the connection is in step") {
  scene x;
  REQUIRE(x.conn.run("create table t (id int)"));
  x.conn.send_batch({make_statement("insert into t values (1)"),
                     make_statement("select pg_sleep(600)"), make_statement("select 3")});
  x.until_asleep();
  x.loop.call([&] { x.conn->cancel(); });
  auto result = x.conn.next_result();
  REQUIRE_FALSE(result);
  CHECK(detail(result.error()).sqlstate == "57014");
  CHECK(statement_of(result.error()) == "1");
  x.loop.run_until([&] { return x.conn.settled == 1; });
  CHECK(x.conn.value("select count(*) from t") == "0");
}

TEST_CASE("a backend that is killed in the middle of a batch leaves its outcome in doubt") {
  scene x;
  x.conn.send_batch({make_statement("select 1"), make_statement("select pg_sleep(600)"),
                     make_statement("select 3")});
  x.until_asleep();
  x.terminate();
  auto result = x.conn.next_result();
  REQUIRE_FALSE(result);
  CHECK(result.error() == errc::in_doubt);
  x.loop.run_until([&] { return x.conn.losses.size() == 1; });
}
