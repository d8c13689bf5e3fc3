// Statements that share a connection, against a real server: each is a transaction of
// its own, and the answers come in order.
#include "connection_scene.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace dbs;
using namespace dbs::testing;

namespace {

struct scene : connection_scene {
  template <class... Ts>
  void share(std::string sql, const Ts&... xs) {
    loop.call([&] { conn->share(make_statement(std::move(sql), xs...)); });
  }

  /// The answers that have come once there are so many.
  std::vector<caf::expected<pg_result>> answers(size_t count) {
    loop.run_until([&] { return conn.results.size() >= count; });
    REQUIRE(conn.results.size() == count);
    return std::exchange(conn.results, {});
  }

  using connection_scene::connection_scene;
};

std::string cell(const caf::expected<pg_result>& answer) {
  INFO(describe(answer ? caf::error{} : answer.error()));
  REQUIRE(answer);
  REQUIRE(answer->rows() == 1);
  return std::string{answer->row(0).text(0)};
}

std::string state_of(const caf::expected<pg_result>& answer) {
  REQUIRE_FALSE(answer);
  return detail(answer.error()).sqlstate;
}

} // namespace

TEST_CASE("statements that share a connection are answered in order") {
  scene s;
  for (int i = 0; i < 20; ++i)
    s.share("select $1::int", i);
  auto answers = s.answers(20);
  for (int i = 0; i < 20; ++i)
    CHECK(cell(answers[static_cast<size_t>(i)]) == std::to_string(i));
  // The text was prepared once, whatever was under way with it.
  CHECK(s.prepared() == "1");
  CHECK(s.conn->status() == postgres::transaction_status::idle);
  CHECK(s.conn.value("select 'alone'") == "alone");
}

TEST_CASE("a shared statement that fails is nothing to its neighbours") {
  scene s;
  s.server.psql("create table t (id int primary key)");
  s.share("insert into t values (1)");
  s.share("insert into t values (1)");
  s.share("select nonsense");
  s.share("select 1 / $1::int", 0);
  s.share("insert into t values (2)");
  s.share("select count(*) from t");
  auto answers = s.answers(6);
  CHECK(answers[0]);
  CHECK(state_of(answers[1]) == "23505");
  CHECK(state_of(answers[2]) == "42703");
  CHECK(state_of(answers[3]) == "22012");
  CHECK(answers[4]);
  CHECK(cell(answers[5]) == "2");
}

TEST_CASE("a statement can be shared from within the answer of another one") {
  scene s;
  s.share("select 1");
  s.share("select 2");
  s.conn.then = [&s] { s.conn->share(make_statement("select 3")); };
  auto answers = s.answers(3);
  CHECK(cell(answers[0]) == "1");
  CHECK(cell(answers[1]) == "2");
  CHECK(cell(answers[2]) == "3");
}

TEST_CASE("evicted statements are deallocated while others share the connection") {
  scene s{4};
  for (int i = 0; i < 60; ++i)
    s.share("select " + std::to_string(i));
  s.answers(60);
  // None was running any more, so this time all that was evicted goes.
  for (int i = 0; i < 60; ++i) {
    s.share("select " + std::to_string(i));
    s.answers(1);
  }
  CHECK(std::stoi(s.prepared()) <= 5);
}

TEST_CASE("statements are prepared anew however long others share the connection") {
  scene s;
  auto text = [](int i) { return "select pg_sleep(0.001), " + std::to_string(i); };
  for (int i = 0; i < 60; ++i)
    s.share(text(i));
  s.answers(60);
  s.share("select pg_sleep(0.05)");
  s.loop.call([&s] { s.conn->forget_statements(); });
  for (int i = 0; i < 20; ++i)
    s.share(text(i));
  s.answers(21);
  // And the one that was being prepared, which goes with the next new one.
  CHECK(s.prepared() == "21");
}

TEST_CASE("when a session ends, what shares it is in doubt, but for what was answered") {
  scene s;
  s.share("select 1");
  s.share("select pg_sleep(60)");
  s.share("select 3");
  s.until_asleep();
  s.terminate();
  auto answers = s.answers(3);
  CHECK(cell(answers[0]) == "1");
  CHECK(answers[1].error() == errc::in_doubt);
  CHECK(answers[2].error() == errc::in_doubt);
  s.loop.run_until([&s] { return !s.conn.losses.empty(); });
}

TEST_CASE("what is shared after the end of a session was seen has not been sent") {
  scene s;
  s.share("select pg_sleep(60)");
  s.conn.then = [&s] { s.conn->share(make_statement("select 2")); };
  s.until_asleep();
  s.terminate();
  auto answers = s.answers(2);
  CHECK(answers[0].error() == errc::in_doubt);
  CHECK(answers[1].error() == errc::connection_lost);
}

TEST_CASE("both sides can have full buffers") {
  scene s;
  // Each answer is as large as its parameter: neither fits into a socket's buffer.
  std::string large(1 << 20, 'x');
  s.server.pause(); // or it might read as fast as we write
  for (int i = 0; i < 16; ++i)
    s.share("select $1::text", large);
  CHECK(s.conn->congested());
  s.server.resume();
  for (auto& x : s.answers(16))
    CHECK(cell(x) == large);
  CHECK_FALSE(s.conn->congested());
}

TEST_CASE("a shared plan that no longer fits can be prepared anew in the pipeline") {
  scene s;
  s.server.psql("create table t (a int); insert into t values (1)");
  s.share("select * from t");
  s.answers(1);
  s.server.psql("alter table t add b int");
  s.share("select * from t");
  s.share("select * from t");
  auto stale = s.answers(2);
  for (auto& x : stale)
    CHECK(postgres::is_stale_plan(x.error()));
  s.loop.call([&s] { s.conn->forget_statements(); });
  s.share("select * from t");
  s.share("select * from t");
  for (auto& x : s.answers(2))
    CHECK(x->row(0).size() == 2);
}

TEST_CASE("a statement whose Parse was under way when all were forgotten is prepared anew") {
  scene s;
  s.share("select 1");
  s.loop.call([&s] { s.conn->forget_statements(); });
  s.answers(1);
  s.share("select 1");
  CHECK(cell(s.answers(1)[0]) == "1");
  auto names = s.conn.run_unprepared("select string_agg(name, ' ') from pg_prepared_statements");
  CHECK(cell(names) == "dbs_2");
}

TEST_CASE("a shared statement that cannot be run is answered in its turn") {
  // given a connection on which a COPY is asked for, which costs it
  scene s;
  s.server.psql("create table t (x int)");
  s.share("select 1");
  s.share("copy t to stdout");
  s.share("select 3");
  auto answers = s.answers(3);
  CHECK(cell(answers[0]) == "1");
  CHECK(answers[1].error() == errc::invalid_argument);
  CHECK(answers[2].error() == errc::in_doubt);
}
