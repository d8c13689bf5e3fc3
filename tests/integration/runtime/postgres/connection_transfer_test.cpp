// Streams and COPY on a real connection.
#include "integration/runtime/postgres/connection_scene.hpp"

#include "dbs/testing/servers/private_pgbouncer.hpp"

#include <catch2/generators/catch_generators.hpp>

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

namespace {

/// A connection over TLS whose peer makes its records as large as TLS allows: PostgreSQL's
/// own have 8 KiB at most.
struct large_records {
  large_records() { conn.open(); }

  static private_postgres_options with_tls() {
    private_postgres_options result;
    result.tls = tls_mode::offered;
    return result;
  }

  private_pgbouncer_options encrypting() const {
    auto& files = server.certificates();
    return {.pool_mode = "session",
            .settings = {{"client_tls_sslmode", "require"},
                         {"client_tls_key_file", files.key.string()},
                         {"client_tls_cert_file", files.certificate.string()},
                         {"pkt_buf", "65536"}}};
  }

  database_settings settings() const {
    auto result = settings_for(server);
    result.target.hosts = {{pooler.host(), pooler.port()}};
    result.target.parameters = {{"sslmode", "require"}};
    result.transaction_pooler = true;
    return result;
  }

  private_postgres server{with_tls()};
  private_pgbouncer pooler{server, encrypting()};
  connection_loop loop;
  observed_connection conn{loop, settings()};
};

} // namespace

TEST_CASE("of a large TLS record nothing is left behind, of whatever transfer") {
  large_records x;
  auto kind = GENERATE(step::stream, step::copy_out);
  for (int rows = 1; rows < 200; ++rows) {
    auto sql = "select repeat('x', 5000) from generate_series(1, " + std::to_string(rows) + ")";
    auto chunk = x.conn.start(kind, kind == step::stream ? sql : "copy (" + sql + ") to stdout");
    for (; chunk && !chunk->last; chunk = x.conn.more()) {
    }
    REQUIRE(chunk);
  }
}

TEST_CASE("of a large TLS record nothing is left behind, of several answers in it") {
  large_records x;
  for (size_t answers = 2; answers < 200; ++answers) {
    for (size_t i = 0; i < answers; ++i)
      x.loop.call([&] { x.conn->share(make_statement("select repeat('x', 5000)")); });
    x.loop.run_until([&] { return x.conn.results.size() == answers; });
    x.conn.results.clear();
  }
}
