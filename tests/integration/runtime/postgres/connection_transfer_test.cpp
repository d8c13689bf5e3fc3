// Streams and COPY on a real connection.
#include "integration/runtime/postgres/connection_scene.hpp"

#include <string>

using namespace dbs;
using namespace dbs::testing;
using postgres::transaction_status;
using step = pg_transfer_action;

namespace {

struct scene : connection_scene {
  /// The connection is in step: nothing of the transfer is left in it.
  void check_usable() {
    CHECK(conn.value("select 'after'") == "after");
    CHECK(conn->status() == transaction_status::idle);
    CHECK(conn.chunks.empty());
  }
};

/// What a session waits for, or "" if it runs.
std::string waits_for(const private_postgres& server, int pid) {
  return server.psql("select coalesce(wait_event, '') from pg_stat_activity where pid = " +
                     std::to_string(pid));
}

} // namespace

TEST_CASE("a stream comes in chunks of the size that is asked for") {
  scene x;
  auto chunk = x.conn.start(step::stream, "select n, nullif(n, 2) from generate_series(1, 5) n",
                            {2, 1 << 20});
  REQUIRE(chunk);
  REQUIRE(chunk->rows.rows() == 2);
  CHECK(chunk->rows.row(1).get<int>("n") == 2);
  CHECK(chunk->rows.row(1).is_null(1));
  CHECK_FALSE(chunk->last);
  CHECK(x.conn->status() == transaction_status::active);
  chunk = x.conn.more();
  REQUIRE(chunk);
  CHECK(chunk->rows.row(0).get<int>(0) == 3);
  CHECK_FALSE(chunk->last);
  chunk = x.conn.more();
  REQUIRE(chunk);
  CHECK(chunk->last);
  REQUIRE(chunk->rows.rows() == 1);
  CHECK(chunk->rows.row(0).get<int>(1) == 5);
  CHECK(chunk->rows.command_tag() == "SELECT 5");
  CHECK(chunk->rows.affected_rows() == 5);
  x.check_usable();
}

TEST_CASE("bytes limit a chunk as rows do") {
  scene x;
  auto chunk = x.conn.start(step::stream, "select repeat('x', 1000) from generate_series(1, 10)",
                            {100, 2500});
  REQUIRE(chunk);
  CHECK(chunk->rows.rows() == 3);
  x.conn.discard();
  x.check_usable();
}

TEST_CASE("a stream without rows is one empty chunk that knows its columns") {
  scene x;
  auto chunk = x.conn.start(step::stream, "select 1 as one where false");
  REQUIRE(chunk);
  CHECK(chunk->last);
  CHECK(chunk->rows.empty());
  CHECK(chunk->rows.column_name(0) == "one");
  chunk = x.conn.start(step::stream, "create table t (n int)");
  REQUIRE(chunk);
  CHECK(chunk->last);
  CHECK(chunk->rows.command_tag() == "CREATE TABLE");
  x.check_usable();
}

TEST_CASE("while no chunk is asked for, one is read ahead and the server waits") {
  scene x;
  REQUIRE(x.conn.start(step::stream, "select repeat('x', 1000) from generate_series(1, 1000000)"));
  auto pid = x.conn->backend_pid();
  x.loop.run_until([&] { return waits_for(x.server, pid) == "ClientWrite"; });
  x.loop.settle();
  CHECK(x.conn.chunks.empty());
  REQUIRE(x.conn.more());
  x.conn.discard();
  x.check_usable();
}

TEST_CASE("a stream over TLS loses nothing between the library and the socket") {
  private_postgres_options options;
  options.tls = tls_mode::required;
  private_postgres server{options};
  connection_loop loop;
  auto cfg = settings_for(server);
  cfg.target.parameters = {{"sslmode", "require"}};
  observed_connection conn{loop, cfg};
  conn.open();
  size_t rows = 0;
  auto chunk = conn.start(
      step::stream, "select repeat('x', n * 7919 % 20011) from generate_series(1, 3000) n", {7});
  for (;; chunk = conn.more()) {
    REQUIRE(chunk);
    rows += chunk->rows.rows();
    if (chunk->last)
      break;
  }
  CHECK(rows == 3000);
  CHECK(conn.value("select 'after'") == "after");
}

TEST_CASE("an error in the middle of a stream names itself") {
  scene x;
  auto chunk = x.conn.start(step::stream, "select 1 / (4 - n) from generate_series(1, 9) n", {2});
  REQUIRE(chunk);
  auto failed = x.conn.more();
  REQUIRE_FALSE(failed);
  CHECK(detail(failed.error()).sqlstate == "22012");
  x.check_usable();
}

TEST_CASE("a backend that is killed in the middle of a stream leaves its outcome in doubt") {
  scene x;
  REQUIRE(x.conn.start(step::stream, "select repeat('x', 1000) from generate_series(1, 1000000)"));
  x.loop.run_until([&] { return waits_for(x.server, x.conn->backend_pid()) == "ClientWrite"; });
  x.terminate();
  auto chunk = x.conn.more();
  while (chunk && x.conn.losses.empty())
    chunk = x.conn.more();
  if (!chunk)
    CHECK(chunk.error() == errc::in_doubt);
  x.loop.run_until([&] { return x.conn.losses.size() == 1; });
}

TEST_CASE("COPY goes out in whole rows") {
  scene x;
  std::string all;
  auto chunk = x.conn.start(step::copy_out,
                            "copy (select n from generate_series(1, 1000) n) to stdout", {1, 100});
  for (;; chunk = x.conn.more()) {
    REQUIRE(chunk);
    all += chunk->data.view();
    if (chunk->last)
      break;
    CHECK(chunk->data.view().back() == '\n');
    CHECK(chunk->data.size() < 110);
  }
  CHECK(chunk->rows.command_tag() == "COPY 1000");
  CHECK(all.size() == 9 * 2 + 90 * 3 + 900 * 4 + 5);
  CHECK(all.ends_with("\n999\n1000\n"));
  x.check_usable();
}

TEST_CASE("an error in the middle of COPY out names itself") {
  scene x;
  auto chunk = x.conn.start(step::copy_out,
                            "copy (select 1 / (500 - n) from generate_series(1, 1000) n) to stdout",
                            {1, 100});
  while (chunk && !chunk->last)
    chunk = x.conn.more();
  REQUIRE_FALSE(chunk);
  CHECK(detail(chunk.error()).sqlstate == "22012");
  x.check_usable();
}

TEST_CASE("COPY comes in, cut anywhere") {
  scene x;
  REQUIRE(x.conn.run("create table t (n int, name text)"));
  REQUIRE(x.conn.start(step::copy_in, "copy t from stdin"));
  for (auto* data : {"1\to", "ne\n2", "", "\t\\N\n"})
    REQUIRE(x.conn.write(data));
  auto last = x.conn.finish();
  REQUIRE(last);
  CHECK(last->last);
  CHECK(last->rows.affected_rows() == 2);
  CHECK(x.conn.value("select string_agg(n || coalesce(name, '-'), ' ' order by n) from t") ==
        "1one 2-");
  x.check_usable();
}

TEST_CASE("a write is answered when the server has taken what came before") {
  scene x;
  REQUIRE(x.conn.run("create table t (n int)"));
  REQUIRE(x.conn.run("create function slow() returns trigger language plpgsql as "
                     "$$ begin perform pg_sleep(3600); return new; end $$"));
  REQUIRE(x.conn.run("create trigger slow before insert on t execute function slow()"));
  REQUIRE(x.conn.start(step::copy_in, "copy t from stdin"));
  REQUIRE(x.conn.write("1\n"));
  x.until_asleep();
  // More than fits into the sockets.
  std::string much;
  while (much.size() < size_t{8} << 20)
    much += "2\n";
  x.loop.call([&] { x.conn->write_copy(much); });
  x.loop.settle();
  CHECK(x.conn.chunks.empty());
  x.loop.call([&] { x.conn->cancel(); });
  x.loop.run_until([&] { return x.conn.settled == 1; });
  // The server drops what follows the error, and tells it at the end.
  REQUIRE(x.conn.next_chunk());
  auto failed = x.conn.finish();
  REQUIRE_FALSE(failed);
  CHECK(detail(failed.error()).sqlstate == "57014");
  x.check_usable();
}

TEST_CASE("bad data in the middle of COPY names itself when it is finished") {
  scene x;
  REQUIRE(x.conn.run("create table t (n int)"));
  REQUIRE(x.conn.start(step::copy_in, "copy t from stdin"));
  REQUIRE(x.conn.write("1\nnonsense\n"));
  REQUIRE(x.conn.write("3\n"));
  auto failed = x.conn.finish();
  REQUIRE_FALSE(failed);
  CHECK(detail(failed.error()).sqlstate == "22P02");
  CHECK(detail(failed.error()).what.find("nonsense") != std::string::npos);
  CHECK(x.conn.value("select count(*) from t") == "0");
  x.check_usable();
}

TEST_CASE("a COPY that cannot begin names itself") {
  scene x;
  auto failed = x.conn.start(step::copy_in, "copy missing from stdin");
  REQUIRE_FALSE(failed);
  CHECK(detail(failed.error()).sqlstate == "42P01");
  x.check_usable();
}

TEST_CASE("a COPY that is discarded has not happened") {
  scene x;
  REQUIRE(x.conn.run("create table t (n int)"));
  REQUIRE(x.conn.start(step::copy_in, "copy t from stdin"));
  REQUIRE(x.conn.write("1\n2\n"));
  x.conn.discard();
  CHECK(x.conn.value("select count(*) from t") == "0");
  // also if the server has not even answered that it begins
  x.loop.call([&] {
    x.conn->start_transfer(step::copy_in, {"copy t from stdin", {}}, {});
    x.conn->discard();
  });
  x.loop.run_until([&] { return !x.conn.results.empty(); });
  x.conn.results.clear();
  x.check_usable();
}

TEST_CASE("a COPY whose backend is killed before it was finished has certainly not happened") {
  scene x;
  REQUIRE(x.conn.run("create table t (n int)"));
  REQUIRE(x.conn.start(step::copy_in, "copy t from stdin"));
  REQUIRE(x.conn.write("1\n"));
  SECTION("while nothing is asked for") {
    x.terminate();
  }
  SECTION("while data is written") {
    x.terminate();
    std::string much(size_t{1} << 20, '\n');
    while (x.conn.losses.empty()) {
      if (auto written = x.conn.write(much); !written) {
        CHECK(written.error() == errc::connection_lost);
        break;
      }
    }
  }
  x.loop.run_until([&] { return x.conn.losses.size() == 1; });
  CHECK(x.conn.losses[0] == errc::connection_lost);
}

TEST_CASE("a COPY in the other direction costs the connection") {
  scene x;
  REQUIRE(x.conn.run("create table t (n int)"));
  auto failed = x.conn.start(step::copy_in, "copy t to stdout");
  REQUIRE_FALSE(failed);
  CHECK(failed.error() == errc::invalid_argument);
  CHECK(x.conn.losses.size() == 1);
}

TEST_CASE("what cannot be sent is refused before a stream begins") {
  scene x;
  auto failed = x.conn.start(step::stream, std::string("select 1\0", 9));
  REQUIRE_FALSE(failed);
  CHECK(failed.error() == errc::invalid_argument);
  x.check_usable();
}
