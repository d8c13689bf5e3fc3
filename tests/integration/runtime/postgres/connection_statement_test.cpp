#include "integration/runtime/postgres/connection_scene.hpp"

#include <limits>
#include <optional>
#include <set>

using namespace dbs;
using namespace dbs::testing;
using postgres::transaction_status;

using scene = connection_scene;

TEST_CASE("parameters of every kind arrive as they were given") {
  scene x;
  for (int round = 0; round < 2; ++round) { // prepared now, and from the cache
    auto row = x.conn.run("select $1::int8, $2::float8, $3::bool, $4::text, $5::text, $6::text",
                          std::numeric_limits<int64_t>::min(), 0.1, true,
                          "it's \\ \"quoted\" \xc3\xa4", std::optional<std::string>{}, "");
    REQUIRE(row);
    REQUIRE(row->rows() == 1);
    auto first = row->row(0);
    CHECK(first.get<int64_t>(0).value() == std::numeric_limits<int64_t>::min());
    CHECK(first.get<double>(1).value() == 0.1);
    CHECK(first.get<bool>(2).value());
    CHECK(first.text(3) == "it's \\ \"quoted\" \xc3\xa4");
    CHECK(first.is_null(4));
    CHECK_FALSE(first.is_null(5));
    CHECK(first.text(5).empty());
    CHECK(row->command_tag() == "SELECT 1");
  }
}

TEST_CASE("a result tells its columns and how many rows were affected") {
  scene x;
  REQUIRE(x.conn.run("create table t (id int primary key, name text)"));
  auto inserted = x.conn.run("insert into t select g, 'n' || g from generate_series(1, 5) g");
  REQUIRE(inserted);
  CHECK(inserted->affected_rows() == 5);
  CHECK(inserted->command_tag() == "INSERT 0 5");
  auto rows = x.conn.run("select id, name from t order by id");
  REQUIRE(rows);
  CHECK(rows->column_name(1) == "name");
  CHECK(rows->column(0).type_oid == 23);
  CHECK(rows->row(4).text(1) == "n5");
  auto none = x.conn.run("delete from t where id > 99");
  REQUIRE(none);
  CHECK(none->affected_rows() == 0);
}

TEST_CASE("a statement is prepared once and found again") {
  scene x;
  for (int i = 0; i < 5; ++i)
    CHECK(x.conn.value("select $1::int + 1", i) == std::to_string(i + 1));
  CHECK(x.prepared() == "1");
  CHECK(x.conn.value("select name from pg_prepared_statements where statement like '% + 1'") ==
        "dbs_1");
  // What must not be prepared is not.
  REQUIRE(x.conn.run_unprepared("select 'unprepared'"));
  CHECK(x.prepared() == "2");
}

TEST_CASE("with a cache of zero nothing is prepared") {
  scene x{0};
  CHECK(x.conn.value("select $1::int + 1", 1) == "2");
  CHECK(x.conn.value("select $1::int + 1", 2) == "3");
  CHECK(x.prepared() == "0");
}

TEST_CASE("the server holds no more prepared statements than the cache, and one") {
  scene x{4};
  for (int i = 0; i < 50; ++i) {
    CHECK(x.conn.value("select " + std::to_string(i)) == std::to_string(i));
    CHECK(std::stoi(x.prepared()) <= 5);
  }
  // The most recent ones are still there.
  CHECK(x.conn.value("select count(*) from pg_prepared_statements where statement = 'select 49'") ==
        "1");
}

TEST_CASE("a long transaction of many statements is bounded, too, and survives") {
  scene x{4};
  REQUIRE(x.conn.run("create table t (n int)"));
  REQUIRE(x.conn.command("BEGIN"));
  REQUIRE(x.conn.run("insert into t values (7)"));
  for (int i = 0; i < 60; ++i)
    CHECK(x.conn.value("select " + std::to_string(i)) == std::to_string(i));
  CHECK(std::stoi(x.prepared()) <= 4 + 32);
  CHECK(x.conn->status() == transaction_status::in_transaction);
  REQUIRE(x.conn.command("COMMIT"));
  CHECK(x.conn.value("select n from t") == "7");
  // Outside, the evicted ones go with the next new statement.
  for (auto sql : {"select 100", "select 101", "select 102"})
    REQUIRE(x.conn.run(sql));
  CHECK(std::stoi(x.prepared()) <= 5);
}

TEST_CASE("statements that bear no transaction block run while others are deallocated") {
  scene x{1};
  REQUIRE(x.conn.run("create table t (n int)"));
  REQUIRE(x.conn.run("select 1"));
  // VACUUM refuses to run behind anything else in the same sync.
  auto result = x.conn.run("vacuum t");
  INFO(describe(result ? caf::error{} : result.error()));
  CHECK(result);
}

TEST_CASE("a statement the user deallocated does not take the next one with it") {
  scene x{2};
  REQUIRE(x.conn.run("create table t (n int)"));
  REQUIRE(x.conn.run("select 1"));
  // given that names in our books are gone on the server, unseen by us
  REQUIRE(x.conn.run_unprepared("do $$ begin execute 'deallocate all'; end $$"));
  // when they are evicted and deallocated
  REQUIRE(x.conn.run("insert into t values (1)"));
  REQUIRE(x.conn.run("insert into t values (2)"));
  REQUIRE(x.conn.run("insert into t values (3)"));
  // then what was written behind that is there
  CHECK(x.conn.value("select count(*) from t") == "3");
}

TEST_CASE("DISCARD ALL and DEALLOCATE ALL empty the cache") {
  scene x;
  for (auto sql : {"discard all", "deallocate all"}) {
    CHECK(x.conn.value("select 1") == "1");
    REQUIRE(x.conn.run(sql));
    CHECK(x.conn.value("select 1") == "1");
    REQUIRE(x.conn.command(sql));
    CHECK(x.conn.value("select 1") == "1");
  }
}

TEST_CASE("an error says what the server says") {
  scene x;
  REQUIRE(x.conn.run("create table t (id int constraint t_pk primary key)"));
  REQUIRE(x.conn.run("insert into t values (1)"));
  auto unique = x.conn.error("insert into t values (1)");
  CHECK(unique == errc::query_failed);
  CHECK(detail(unique).sqlstate == "23505");
  CHECK(detail(unique).what == "duplicate key value violates unique constraint \"t_pk\"");
  CHECK(field_of(unique, "constraint") == "t_pk");
  CHECK(field_of(unique, "table") == "t");
  CHECK(field_of(unique, "schema") == "public");
  CHECK(field_of(unique, "detail") == "Key (id)=(1) already exists.");
  CHECK(field_of(unique, "severity") == "ERROR");
  auto syntax = x.conn.error("select * from nowhere");
  CHECK(detail(syntax).sqlstate == "42P01");
  CHECK(field_of(syntax, "position") == "15");
  // The session is as good as before.
  CHECK(x.conn.value("select 1") == "1");
  CHECK(x.conn->status() == transaction_status::idle);
  CHECK(x.conn.losses.empty());
}

TEST_CASE("a text with two statements is refused, an empty one is not") {
  scene x;
  CHECK(detail(x.conn.error("select 1; select 2")).sqlstate == "42601");
  auto empty = x.conn.run("  -- nothing");
  REQUIRE(empty);
  CHECK(empty->columns() == 0);
  CHECK(empty->command_tag().empty());
  CHECK(x.conn.value("select 1") == "1");
}

TEST_CASE("what cannot be sent is refused before it is sent") {
  scene x;
  auto zero = x.conn.error(std::string("select 1\0 + 1", 13));
  CHECK(zero == errc::invalid_argument);
  auto bad = x.conn.error("select $1::text", std::string("a\0b", 3));
  CHECK(bad == errc::invalid_argument);
  CHECK(x.conn.value("select 1") == "1");
}

TEST_CASE("COPY is refused and costs the connection") {
  scene x;
  REQUIRE(x.conn.run("create table t (n int)"));
  pg_statement statement{"copy t to stdout", {}, true};
  SECTION("out, prepared") {}
  SECTION("in, prepared") {
    statement.sql = "copy t from stdin";
  }
  SECTION("out, unprepared") {
    statement.prepare = false;
  }
  x.conn.send(statement);
  auto result = x.conn.next_result();
  REQUIRE_FALSE(result);
  CHECK(result.error() == errc::invalid_argument);
  CHECK(detail(result.error()).what.find("COPY") != std::string::npos);
  CHECK(x.conn.losses.size() == 1);
  CHECK(x.conn->status() == transaction_status::unknown);
}

TEST_CASE("a plan that the schema has left behind is recognised and made anew") {
  scene x;
  REQUIRE(x.conn.run("create table t (n int)"));
  REQUIRE(x.conn.run("insert into t values (1)"));
  CHECK(x.conn.value("select * from t") == "1");
  REQUIRE(x.conn.run_unprepared("alter table t alter n type text"));
  // when
  auto err = x.conn.error("select * from t");
  // then
  CHECK(postgres::is_stale_plan(err));
  x.conn->forget_statements();
  CHECK(x.conn.value("select * from t") == "1");
  CHECK(x.prepared() == "1"); // and the old ones are gone
}

TEST_CASE("notices and notifications do not disturb") {
  scene x;
  REQUIRE(x.conn.run("do $$ begin for i in 1..1000 loop raise notice 'n %', i; end loop; end $$"));
  REQUIRE(x.conn.run("listen news"));
  x.server.psql("notify news, 'hello'");
  x.loop.settle();
  CHECK(x.conn.value("select 1") == "1");
  CHECK(x.conn.losses.empty());
}

TEST_CASE("a result of a hundred thousand rows comes whole") {
  scene x;
  auto rows = x.conn.run("select g, repeat('x', 50) from generate_series(1, 100000) g");
  REQUIRE(rows);
  REQUIRE(rows->rows() == 100'000);
  CHECK(rows->row(99'999).text(0) == "100000");
  CHECK(rows->row(50'000).text(1) == std::string(50, 'x'));
}

TEST_CASE("a parameter that fills the socket's buffers many times goes out whole") {
  scene x;
  std::string big(8 << 20, 'z');
  big[4'000'000] = 'q';
  for (int round = 0; round < 2; ++round) {
    auto back = x.conn.run("select $1::text", big);
    REQUIRE(back);
    CHECK(back->row(0).text(0) == big); // and comes back while there is more to write
  }
}

TEST_CASE("a session is dirty after what the next user would see") {
  scene x;
  REQUIRE(x.conn.run("create table t (n int)"));
  REQUIRE(x.conn.run("insert into t values ($1)", 1));
  CHECK_FALSE(x.conn->dirty());
  REQUIRE(x.conn.run("set work_mem = '1MB'"));
  CHECK(x.conn->dirty());
  REQUIRE(x.conn.command("reset all"));
  CHECK(x.conn->dirty()); // it is for the owner to say what a reset was
  x.conn->mark_clean();
  CHECK_FALSE(x.conn->dirty());
  // Known from the cache, it counts again; so it does if it fails.
  REQUIRE(x.conn.run("set work_mem = '1MB'"));
  CHECK(x.conn->dirty());
  x.conn->mark_clean();
  CHECK(detail(x.conn.error("set work_mem = 'lots'")).sqlstate == "22023");
  CHECK(x.conn->dirty());
}

TEST_CASE("the status follows the transaction") {
  scene x;
  REQUIRE(x.conn.command("BEGIN; SET LOCAL work_mem = '1MB'"));
  CHECK(x.conn->status() == transaction_status::in_transaction);
  x.conn.send({"select 1", {}});
  CHECK(x.conn->status() == transaction_status::active);
  REQUIRE(x.conn.next_result());
  CHECK(detail(x.conn.error("select 1/0")).sqlstate == "22012");
  CHECK(x.conn->status() == transaction_status::failed);
  CHECK(detail(x.conn.error("select 'new'")).sqlstate == "25P02");
  REQUIRE(x.conn.command("ROLLBACK"));
  CHECK(x.conn->status() == transaction_status::idle);
  CHECK_FALSE(x.conn->dirty());
}

TEST_CASE("a command of several statements answers once, with its first error") {
  scene x;
  auto ok = x.conn.command("create table t (n int); insert into t values (1), (2)");
  REQUIRE(ok);
  CHECK(ok->affected_rows() == 2);
  auto bad = x.conn.command("insert into t values (3); select 1/0; insert into t values (4)");
  REQUIRE_FALSE(bad);
  CHECK(detail(bad.error()).sqlstate == "22012");
  CHECK(x.conn.value("select count(*) from t") == "2");
}

TEST_CASE("statements can be sent one after the other from inside the answers") {
  scene x;
  int left = 100;
  std::function<void()> next = [&] {
    if (--left == 0)
      return;
    x.conn.then = next;
    x.conn->execute({"select $1::int", make_params(left)});
  };
  x.conn.then = next;
  x.conn.send({"select $1::int", make_params(left)});
  x.loop.run_until([&] { return left == 0; });
  CHECK(x.conn.results.size() == 100);
  CHECK(x.conn.results.back()->row(0).text(0) == "1");
}
