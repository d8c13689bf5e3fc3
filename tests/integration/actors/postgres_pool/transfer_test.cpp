// Streams and COPY through the pool: memory, deaths, and what they leave behind.
#include "integration/actors/postgres_pool/pool_fixture.hpp"
#include "integration/error_field.hpp"
#include "sanitized.hpp"

#include <catch2/catch_test_macros.hpp>

#include <atomic>
#include <cstddef>
#include <fstream>
#include <memory>
#include <optional>
#include <string>

using namespace dbs;
using namespace dbs::tests;

namespace {

/// The most memory that the process has had since its construction, as the kernel counts.
class peak_memory {
public:
  peak_memory() {
    std::ofstream{"/proc/self/clear_refs"} << "5";
    before_ = now();
  }

  /// To be called last: ends the test under a sanitizer, which keeps what is freed.
  void check_growth_below(size_t bytes) const {
    if (sanitized)
      SKIP("a sanitizer keeps what is freed");
    CHECK(now() - before_ < bytes);
  }

private:
  static size_t now() {
    std::ifstream status{"/proc/self/status"};
    for (std::string word; status >> word;)
      if (size_t kilobytes = 0; word == "VmHWM:" && status >> kilobytes)
        return kilobytes * 1024;
    FAIL("the kernel does not say");
    return 0;
  }

  size_t before_ = 0;
};

struct fixture : pool_fixture {
  fixture() {
    settings.pool_size = 1;
    start();
    pid = value<int>("select pg_backend_pid()");
  }

  blocking_database::session checkout() {
    auto session = database().checkout();
    REQUIRE(session);
    return std::move(*session);
  }

  /// A session in the middle of a stream that has no end.
  blocking_database::session streaming() {
    auto session = checkout();
    auto chunk = session.stream(make_statement(endless));
    REQUIRE(chunk);
    REQUIRE_FALSE(chunk->last);
    return session;
  }

  /// A session that has written a row to a COPY into a new table t.
  blocking_database::session copying() {
    REQUIRE(database().execute("create table t (x int)"));
    auto session = checkout();
    REQUIRE(session.copy_in("copy t from stdin"));
    REQUIRE(session.write(blob{"1\n"}));
    return session;
  }

  /// Nothing runs at the server, and the pool goes on with the connection it had.
  void check_clean() {
    CHECK(value<int>("select pg_backend_pid()") == pid);
    CHECK(testing::eventually([this] {
      return server.psql("select count(*) from pg_stat_activity where application_name = 'dbs' "
                         "and state <> 'idle'") == "0";
    }));
    CHECK(counter("lost") == 0);
    CHECK(counter("cleanup_failed") == 0);
  }

  void terminate() { server.psql("select pg_terminate_backend(" + std::to_string(pid) + ")"); }

  /// A series that the server makes as it goes: as the value of a function it would be
  /// put together first.
  static constexpr auto endless = "select generate_series(1, 1000000000), repeat('x', 200)";

  int pid = 0;
};

} // namespace

// -- memory ----------------------------------------------------------------------------

TEST_CASE_METHOD(fixture, "a million rows pass through memory for a few chunks") {
  auto session = checkout();
  peak_memory memory;
  int64_t rows = 0;
  int64_t sum = 0;
  auto chunk =
      session.stream(make_statement("select generate_series(1, 1000000), repeat('x', 200)"));
  for (;; chunk = session.next()) {
    REQUIRE(chunk);
    for (auto row : chunk->rows) {
      ++rows;
      sum += *row.get<int64_t>(0);
    }
    if (chunk->last)
      break;
  }
  CHECK(rows == 1'000'000);
  CHECK(sum == int64_t{1'000'000} * 1'000'001 / 2);
  CHECK(chunk->rows.affected_rows() == 1'000'000);
  session.release();
  check_clean();
  // The rows had 200 MB.
  memory.check_growth_below(size_t{32} << 20);
}

TEST_CASE_METHOD(fixture, "a COPY of many rows, in and out, takes memory for a few chunks") {
  REQUIRE(database().execute("create unlogged table t (x int, y text)"));
  auto session = checkout();
  peak_memory memory;
  std::string rows;
  for (int i = 0; i < 1000; ++i)
    rows += std::to_string(i) + "\t" + std::string(200, 'x') + "\n";
  REQUIRE(session.copy_in("copy t from stdin"));
  for (int i = 0; i < 500; ++i)
    REQUIRE(session.write(blob{rows}));
  auto loaded = session.finish();
  REQUIRE(loaded);
  CHECK(loaded->affected_rows() == 500'000);
  size_t bytes = 0;
  auto chunk = session.copy_out("copy t to stdout");
  for (;; chunk = session.next()) {
    REQUIRE(chunk);
    bytes += chunk->data.size();
    if (chunk->last)
      break;
  }
  CHECK(bytes == 500 * rows.size());
  memory.check_growth_below(size_t{32} << 20);
}

// -- ends ------------------------------------------------------------------------------

TEST_CASE_METHOD(fixture, "a stream that is stopped is cancelled, and its session goes on") {
  auto session = streaming();
  REQUIRE(session.stop());
  auto rows = session.execute("select 1");
  REQUIRE(rows);
  CHECK(counter("cancel") == 1);
  session.release();
  check_clean();
}

TEST_CASE_METHOD(fixture, "a stream whose session is dropped leaves the connection clean") {
  { auto session = streaming(); }
  check_clean();
}

TEST_CASE_METHOD(fixture, "a consumer that dies in the middle of a stream leaves nothing behind") {
  std::atomic<bool> reads{false};
  auto consumer = system.spawn([&, db = client()](caf::event_based_actor* self) -> caf::behavior {
    auto failed = [](const caf::error& why) { FAIL_CHECK(describe(why)); };
    auto held = std::make_shared<pg_session>();
    db.checkout(self).then(
        [&reads, held, self, failed](pg_session session) {
          *held = std::move(session);
          held->begin(self).then([] {}, failed);
          held->stream(self, make_statement(endless))
              .then([&reads, held](const pg_chunk&) { reads = true; }, failed);
        },
        failed);
    return {[](int) {}};
  });
  REQUIRE(testing::eventually([&] { return reads.load(); }));
  caf::anon_send_exit(consumer, caf::exit_reason::kill);
  check_clean();
  CHECK(counter("cancel") == 1);
}

TEST_CASE_METHOD(fixture, "a COPY that nobody finishes has not happened") {
  SECTION("because it is stopped") {
    auto session = copying();
    REQUIRE(session.stop());
    CHECK(session.execute("select 1"));
    CHECK(!session.finish());
  }
  SECTION("because its session is dropped") {
    auto session = copying();
  }
  SECTION("because a statement of another kind needs the way back") {
    auto session = copying();
    REQUIRE(session.rollback());
    CHECK(session.execute("select 1"));
  }
  CHECK(value<int64_t>("select count(*) from t") == 0);
  check_clean();
}

TEST_CASE_METHOD(fixture, "a COPY in a transaction is committed and rolled back with it") {
  auto session = copying();
  REQUIRE(session.stop());
  for (auto commits : {false, true}) {
    REQUIRE(session.begin());
    REQUIRE(session.copy_in("copy t from stdin"));
    REQUIRE(session.write(blob{"1\n2\n"}));
    REQUIRE(session.finish());
    REQUIRE((commits ? session.commit() : session.rollback()));
    CHECK(server.psql("select count(*) from t") == (commits ? "2" : "0"));
  }
}

// -- errors ----------------------------------------------------------------------------

TEST_CASE_METHOD(fixture, "errors in the middle name themselves, and the session goes on") {
  REQUIRE(database().execute("create table t (x int primary key)"));
  auto session = checkout();
  auto chunk = session.stream(make_statement("select 1 / (5000 - generate_series(1, 9999))"),
                              {1000, 1 << 20});
  while (chunk && !chunk->last)
    chunk = session.next();
  REQUIRE(!chunk);
  CHECK(detail(chunk.error()).sqlstate == "22012");
  REQUIRE(session.copy_in("copy t from stdin"));
  REQUIRE(session.write(blob{"1\n2\n"}));
  REQUIRE(session.write(blob{"1\n"}));
  auto finished = session.finish();
  REQUIRE(!finished);
  CHECK(detail(finished.error()).sqlstate == "23505");
  CHECK(field_of(finished.error(), "constraint") == "t_pkey");
  CHECK(session.execute("select 1"));
  session.release();
  check_clean();
}

TEST_CASE_METHOD(fixture, "a session in the middle of a stream refuses a statement, and reads on") {
  auto session = streaming();
  auto refused = session.execute("select 1");
  REQUIRE(!refused);
  CHECK(refused.error() == errc::invalid_argument);
  CHECK(detail(refused.error()).what.find("stream is open") != std::string::npos);
  CHECK(session.next());
}

TEST_CASE_METHOD(fixture, "the server's statement timeout counts for a stream as a whole") {
  auto session = checkout();
  REQUIRE(session.execute("set statement_timeout = '300ms'"));
  auto chunk = session.stream(make_statement(endless));
  while (chunk)
    chunk = session.next();
  CHECK(detail(chunk.error()).sqlstate == "57014");
  REQUIRE(session.execute("select 1"));
}

TEST_CASE_METHOD(fixture, "a chunk that does not come in time ends its stream") {
  auto impatient = client().within(300ms).sync(system);
  auto session = impatient.checkout();
  REQUIRE(session);
  auto late = session->stream(make_statement("select pg_sleep(600)"));
  REQUIRE(!late);
  CHECK(late.error() == errc::deadline_exceeded);
  session->release();
  check_clean();
}

TEST_CASE_METHOD(fixture, "a backend that is killed in the middle of a stream answers everybody") {
  auto session = streaming();
  terminate();
  caf::expected<pg_chunk> chunk{pg_chunk{}};
  while (chunk)
    chunk = session.next();
  CHECK((chunk.error() == errc::in_doubt || chunk.error() == errc::connection_lost));
  auto next = session.next();
  REQUIRE(!next);
  CHECK(next.error() == errc::connection_lost);
  session.release();
  CHECK(value<int>("select pg_backend_pid()") != pid);
}

TEST_CASE_METHOD(fixture, "a backend that is killed in the middle of a COPY answers everybody") {
  auto session = copying();
  terminate();
  std::optional<caf::error> reason;
  while (!reason)
    if (auto written = session.write(blob{std::string(1 << 20, '\n')}); !written)
      reason = written.error();
  CHECK(*reason == errc::connection_lost);
  auto finished = session.finish();
  REQUIRE(!finished);
  CHECK(finished.error() == errc::connection_lost);
  session.release();
  CHECK(value<int64_t>("select count(*) from t") == 0);
}
