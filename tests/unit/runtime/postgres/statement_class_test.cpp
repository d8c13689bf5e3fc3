#include "dbs/runtime/postgres/statement_class.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <string_view>

using namespace dbs::postgres;

TEST_CASE("a statement that changes its session is recognised") {
  auto sql = GENERATE(
      as<std::string_view>{}, "SET search_path TO x",
      "set session characteristics as transaction read only", "SET SESSION AUTHORIZATION bob",
      "SET ROLE bob", "RESET ALL", "LISTEN news", "DECLARE c CURSOR WITH HOLD FOR SELECT 1",
      "PREPARE p AS SELECT 1", "DECLARE c CURSOR FOR SELECT pg_advisory_lock(1)", "DEALLOCATE p",
      "EXECUTE p", "LOAD 'auto_explain'", "DISCARD ALL", "DO $$ BEGIN END $$", "CALL f()",
      "CREATE TEMP TABLE t (x int)", "create  temporary view v as select 1",
      "CREATE LOCAL TEMP TABLE t (x int)", "CREATE OR REPLACE TEMP VIEW v AS SELECT 1",
      "CREATE /* scratch */ TEMP TABLE t (x int)", "SELECT 1 AS x INTO TEMP t",
      "CREATE TABLE pg_temp.t (x int)", "SELECT pg_advisory_lock(1)",
      "SELECT PG_TRY_ADVISORY_LOCK_SHARED($1)",
      "WITH x AS (SELECT set_config('a.b', '1', false)) SELECT * FROM x",
      "SELECT '--', set_config('a.b', '1', false)", "SELECT setseed(0.5)", "FROBNICATE everything");
  CAPTURE(sql);
  CHECK(touches_session(sql));
}

TEST_CASE("a statement whose effects end with its transaction is harmless") {
  auto sql = GENERATE(
      as<std::string_view>{}, "", "  -- nothing\n", "SELECT 1", "(SELECT 1) UNION (SELECT 2)",
      "VALUES (1)", "TABLE t", "WITH x AS (SELECT 1) SELECT * FROM x", "INSERT INTO t VALUES ($1)",
      "update t set temp = 1", "DELETE FROM t",
      "MERGE INTO t USING s ON true WHEN MATCHED THEN DO NOTHING",
      "SELECT temp, temporary FROM sensors", "SELECT * FROM template", "BEGIN", "COMMIT",
      "SAVEPOINT s", "SET LOCAL work_mem = '1MB'", "SET TRANSACTION READ ONLY",
      "set constraints all deferred", "CREATE TABLE t (x int)", "ALTER TABLE t ADD y int",
      "EXPLAIN SELECT 1", "SHOW work_mem", "SELECT pg_advisory_xact_lock(1)",
      "SELECT reset, listen FROM t");
  CAPTURE(sql);
  CHECK_FALSE(touches_session(sql));
}

TEST_CASE("comments and empty statements in front do not hide a command") {
  auto prefix = GENERATE(as<std::string>{}, "/* trace */ ", "-- x\n\t", "/* a /* nested */ b */",
                         ";; ", "\r\n\f\v ", "/**/--\r\n");
  CAPTURE(prefix);
  CHECK(touches_session(prefix + "SET x TO 1"));
  CHECK_FALSE(touches_session(prefix + "SELECT 1"));
  CHECK_FALSE(
      touches_session("SET " + prefix.substr(prefix.find_first_not_of(';')) + "LOCAL x TO 1"));
}

TEST_CASE("an unfinished comment is no command") {
  CHECK_FALSE(touches_session("/* SET x TO 1"));
  CHECK_FALSE(touches_session("-- SET x TO 1"));
  CHECK_FALSE(touches_session("/*"));
  CHECK_FALSE(touches_session("/"
                              "* /* */"));
}

TEST_CASE("a session that is lent for a transaction is enough for what ends with it") {
  for (auto sql : {"SELECT 1", "SET LOCAL x = 1", "DECLARE c CURSOR FOR SELECT 1", "CALL p(1)",
                   "PREPARE TRANSACTION 'x'", "declare c cursor for select threshold from t",
                   "do $$ begin end $$", "FETCH c"}) {
    CAPTURE(sql);
    CHECK_FALSE(needs_own_session(sql));
  }
  for (auto sql :
       {"SET x = 1", "LISTEN c", "DECLARE c CURSOR WITH HOLD FOR SELECT 1", "PREPARE p AS SELECT 1",
        "CREATE TEMP TABLE t (x int)", "SELECT pg_advisory_lock(1)",
        "DO $$ begin perform set_config('a.b', '1', false); end $$", "FROBNICATE"}) {
    CAPTURE(sql);
    CHECK(needs_own_session(sql));
  }
}

TEST_CASE("the tag of an answer has a say of its own") {
  CHECK(tag_touches_session("LISTEN"));
  CHECK(tag_touches_session("DISCARD ALL"));
  CHECK(tag_touches_session("DECLARE CURSOR"));
  CHECK(tag_touches_session("CALL"));
  CHECK_FALSE(tag_touches_session("SELECT 5"));
  CHECK_FALSE(tag_touches_session("INSERT 0 1"));
  CHECK_FALSE(tag_touches_session("CREATE TABLE"));
  CHECK_FALSE(tag_touches_session("START TRANSACTION"));
  CHECK_FALSE(tag_touches_session(""));
  // SET LOCAL has the same tag, so the text decides.
  CHECK_FALSE(tag_touches_session("SET"));
}

TEST_CASE("a tag tells when the server has dropped the prepared statements") {
  CHECK(tag_drops_statements("DISCARD ALL"));
  CHECK(tag_drops_statements("DEALLOCATE ALL"));
  CHECK_FALSE(tag_drops_statements("DEALLOCATE"));
  CHECK_FALSE(tag_drops_statements("SELECT 1"));
}

TEST_CASE("a statement that only reads is recognised") {
  auto sql =
      GENERATE(as<std::string_view>{}, "SELECT 1", "  /* x */ (select 1)", "VALUES (1)", "TABLE t",
               "SHOW work_mem", "WITH x AS (SELECT 1) SELECT * FROM x", "EXPLAIN SELECT 1",
               "SELECT updated, deleted_at FROM t", "FETCH c", "SELECT * FROM t FOR SHARE", "",
               "COPY t TO STDOUT", "copy (select * from t) to stdout");
  CAPTURE(sql);
  CHECK(only_reads(sql));
}

TEST_CASE("what may write counts as a write") {
  auto sql = GENERATE(
      as<std::string_view>{}, "INSERT INTO t VALUES (1)", "update t set x = 1", "DELETE FROM t",
      "MERGE INTO t USING s ON true", "SELECT 1 INTO t", "select x\ninto t from s",
      "CREATE TABLE t (x int)", "CALL f()", "DO $$ BEGIN END $$", "COMMIT", "EXECUTE p",
      "REFRESH MATERIALIZED VIEW v", "WITH x AS (DELETE FROM t RETURNING *) SELECT * FROM x",
      "with x as (select 1) insert into t select * from x", "EXPLAIN ANALYZE DELETE FROM t",
      "explain (analyze) select f()", "FROBNICATE everything", "COPY t FROM STDIN",
      "COPY t (stdout) FROM STDIN", "COPY (DELETE FROM t RETURNING *) TO STDOUT", "COPY t TO 'x'");
  CAPTURE(sql);
  CHECK_FALSE(only_reads(sql));
}

TEST_CASE("a COPY is known by its word for the client's end") {
  CHECK(copies_in("/* x */ copy t (a, b) from stdin with (format csv)"));
  CHECK(copies_out("COPY (select 1) TO STDOUT;"));
  for (auto sql : {"COPY t FROM '/file'", "SELECT stdin, stdout", "COPY t FROM PROGRAM 'x'", ""}) {
    CAPTURE(sql);
    CHECK_FALSE(copies_in(sql));
    CHECK_FALSE(copies_out(sql));
  }
}

TEST_CASE("the ways to type a commit") {
  for (auto sql : {"COMMIT", "commit and chain", "END", "/* x */ End work", "; COMMIT",
                   "PREPARE TRANSACTION 'x'", "COMMIT PREPARED 'x'"}) {
    CAPTURE(sql);
    CHECK(commits(sql));
  }
  for (auto sql : {"ROLLBACK", "SELECT 'commit'", "PREPARE p AS SELECT 1",
                   "COMMENT ON TABLE t IS 'x'", "", "ENDURE"}) {
    CAPTURE(sql);
    CHECK_FALSE(commits(sql));
  }
}

TEST_CASE("what runs a procedure is known by its first word") {
  for (auto sql : {"CALL p()", "do $$ begin end $$", "/* x */ call p()", "; DO 'x'"}) {
    CAPTURE(sql);
    CHECK(runs_procedure(sql));
  }
  for (auto sql : {"SELECT call()", "DOMAIN", "", "INSERT INTO t SELECT 'do'"}) {
    CAPTURE(sql);
    CHECK_FALSE(runs_procedure(sql));
  }
}

TEST_CASE("only what is known to leave nothing behind may share a connection") {
  auto sql = GENERATE(as<std::string_view>{}, "select 1", "(SELECT 1) UNION (SELECT 2)",
                      "-- quick\nVALUES (1)", "table t", "with x as (select 1) table x",
                      "insert into t values ($1)", "update t set a = 1", "delete from t",
                      "merge into t using s on true when matched then do nothing",
                      "select a from t for update");
  CAPTURE(sql);
  CHECK(may_share(sql));
}

TEST_CASE("whatever else there is may not share a connection") {
  auto sql = GENERATE(
      as<std::string_view>{}, "", ";select 1", "begin", "commit", "rollback", "savepoint s",
      "start transaction", "set a = 1", "set local a = 1", "reset a", "listen x", "notify x",
      "copy t to stdout", "copy t from stdin", "declare c cursor for select 1", "fetch c",
      "close c", "prepare p as select 1", "execute p", "deallocate p", "discard all",
      "create table t ()", "create temp table t ()", "select 1 into temp t", "drop table t",
      "truncate t", "lock t", "do $$ begin end $$", "call f()", "vacuum", "explain select 1",
      "show a", "load 'x'", "select pg_advisory_lock(1)", "select pg_try_advisory_xact_lock(1)",
      "select pg_advisory_unlock_all()", "select set_config('a', 'b', true)", "select setseed(1)",
      "select dblink_connect('x')", "selectx", "frobnicate");
  CAPTURE(sql);
  CHECK_FALSE(may_share(sql));
}
