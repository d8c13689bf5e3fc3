// The pool while PostgreSQL is killed, paused and restarted under load.
#include "integration/actors/postgres_pool/pool_fixture.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <atomic>
#include <deque>
#include <map>
#include <mutex>
#include <set>
#include <sstream>

using namespace dbs;
using namespace dbs::tests;

namespace {

/// Readers that ask one query after the other, and writers that put one row after the
/// other into the table `ledger`, each in a transaction on a lease of its own, until
/// told to stop. Each has at most one request outstanding, so that `asked - answered`
/// is what hangs.
class load {
public:
  load(caf::actor_system& system, const database_client& database, int readers, int writers = 0)
      : database_(database) {
    for (int i = 0; i < readers; ++i)
      system.spawn([this, &done = successes_.emplace_back(0)](caf::event_based_actor* self) {
        read(self, done);
      });
    for (int i = 0; i < writers; ++i)
      system.spawn([this, &done = successes_.emplace_back(0)](caf::event_based_actor* self) {
        check_out(self, done);
      });
  }

  ~load() { stop(); }

  void stop() {
    stopping_ = true;
    REQUIRE(testing::eventually([&] { return asked == answered; }, 30s));
  }

  int succeeded() const {
    int result = 0;
    for (auto& x : successes_)
      result += x;
    return result;
  }

  /// The successes of each caller.
  std::vector<int> successes() const { return {successes_.begin(), successes_.end()}; }

  /// An example of each kind of error that there was.
  std::map<std::string, std::string> errors() {
    std::unique_lock guard{mutex_};
    return errors_;
  }

  /// Rows whose COMMIT was acknowledged, and those of which nobody knows.
  std::set<int64_t> acknowledged() {
    std::unique_lock guard{mutex_};
    return acknowledged_;
  }

  std::set<int64_t> in_doubt() {
    std::unique_lock guard{mutex_};
    return in_doubt_;
  }

  std::atomic<int> asked{0};
  std::atomic<int> answered{0};
  std::atomic<int> failed{0};

private:
  using self_ptr = caf::event_based_actor*;
  using counter = std::atomic<int>;

  // -- readers -----------------------------------------------------------------------

  void read(self_ptr self, counter& done) {
    if (stopping_)
      return;
    auto tag = ++asked;
    database_.execute(self, "select $1::int", tag)
        .then(
            [=, this, &done](const pg_result& rows) {
              if (rows.row(0).get<int32_t>(0) != tag)
                throw std::logic_error("somebody else's result");
              ++done;
              ++answered;
              read(self, done);
            },
            [=, this, &done](const caf::error& reason) {
              note(reason);
              read(self, done);
            });
  }

  // -- writers -----------------------------------------------------------------------

  void check_out(self_ptr self, counter& done) {
    if (stopping_)
      return;
    ++asked;
    database_.checkout(self).then(
        [=, this, &done](pg_session session) {
          ++answered;
          write(self, std::make_shared<pg_session>(std::move(session)), done);
        },
        [=, this, &done](const caf::error& reason) {
          note(reason);
          check_out(self, done);
        });
  }

  void write(self_ptr self, const std::shared_ptr<pg_session>& session, counter& done) {
    if (stopping_)
      return;
    auto again = [=, this, &done](const caf::error& reason) {
      note(reason);
      session->release();
      check_out(self, done);
    };
    asked += 2;
    session->begin(self).then([this] { ++answered; },
                              [this](const caf::error& reason) { note(reason); });
    auto row = ++last_row_;
    session->execute(self, "insert into ledger values ($1)", row)
        .then(
            [=, this, &done](const pg_result&) {
              ++answered;
              commit(self, session, row, done);
            },
            again);
  }

  void commit(self_ptr self, const std::shared_ptr<pg_session>& session, int64_t row,
              counter& done) {
    ++asked;
    session->commit(self).then(
        [=, this, &done] {
          {
            std::unique_lock guard{mutex_};
            acknowledged_.insert(row);
          }
          ++done;
          ++answered;
          // Now and then somebody else gets the connection.
          if (row % 8 != 0)
            return write(self, session, done);
          session->release();
          check_out(self, done);
        },
        [=, this, &done](const caf::error& reason) {
          if (reason == errc::in_doubt) {
            std::unique_lock guard{mutex_};
            in_doubt_.insert(row);
          }
          note(reason);
          session->release();
          check_out(self, done);
        });
  }

  void note(const caf::error& reason) {
    {
      std::unique_lock guard{mutex_};
      errors_.emplace(to_string(static_cast<errc>(reason.code())), describe(reason));
    }
    ++failed;
    ++answered;
  }

  database_client database_;
  std::deque<counter> successes_;
  std::atomic<bool> stopping_{false};
  std::atomic<int64_t> last_row_{0};
  std::mutex mutex_;
  std::map<std::string, std::string> errors_;
  std::set<int64_t> acknowledged_;
  std::set<int64_t> in_doubt_;
};

/// The errors but for those that are allowed, "" if there are no others.
std::string besides(const std::set<std::string>& allowed,
                    const std::map<std::string, std::string>& errors) {
  std::string result;
  for (auto& [code, example] : errors)
    if (!allowed.contains(code))
      result.append(example).append("\n");
  return result;
}

/// A server that asks for a password, so that a login takes some round trips, and
/// writes down when each begins and ends.
testing::private_postgres_options with_logged_logins() {
  testing::private_postgres_options result;
  result.password = "open sesame";
  result.settings = {{"log_connections", "on"}};
  return result;
}

struct logins {
  int all = 0;
  /// Logins over TCP that were under way at the same time, at most.
  size_t at_once = 0;
};

logins logins_in(const std::string& log) {
  logins result;
  std::set<std::string> pending;
  std::istringstream lines{log};
  for (std::string line; std::getline(lines, line);) {
    auto has = [&line](const char* what) { return line.find(what) != std::string::npos; };
    auto pid = line.substr(0, line.find(']'));
    pid.erase(0, pid.find('[') + 1);
    if (has("LOG:  starting PostgreSQL"))
      pending.clear(); // those of the server that was killed
    else if (has("connection received: host=127.0.0.1"))
      pending.insert(pid);
    else if (has("connection authorized: ") || has("FATAL: "))
      result.all += static_cast<int>(pending.erase(pid));
    result.at_once = std::max(result.at_once, pending.size());
  }
  return result;
}

struct guarded_fixture : pool_fixture {
  guarded_fixture() : pool_fixture(with_logged_logins()) {}
};

} // namespace

TEST_CASE_METHOD(guarded_fixture,
                 "PostgreSQL is killed and restarted under load: all is back within two seconds") {
  settings.pool_size = 8;
  settings.acquire_timeout = 30s;
  start();
  REQUIRE(database().execute("create table ledger (id bigint)"));
  load traffic{system, client(), 16, 16};
  REQUIRE(testing::eventually([&] { return traffic.succeeded() > 1000; }, 30s));
  for (int round = 0; round < 5; ++round) {
    INFO("round " << round);
    server.kill();
    server.start();
    auto accepting = std::chrono::steady_clock::now();
    // then every caller succeeds again and every connection is back
    auto before = traffic.successes();
    REQUIRE(testing::eventually(
        [&] {
          auto now = traffic.successes();
          return std::equal(before.begin(), before.end(), now.begin(), std::less<>{}) &&
                 server_connections() == 8;
        },
        10s));
    CHECK(std::chrono::steady_clock::now() - accepting < 2s);
  }
  traffic.stop();
  // and nobody was told anything but that the connection had gone
  auto others = besides({"connection_lost", "in_doubt"}, traffic.errors());
  INFO(others);
  CHECK(others.empty());
  CHECK(traffic.errors().contains("in_doubt"));
  REQUIRE(testing::eventually([&] { return stats().active_connections == 0; }));
  CHECK(stats().leases == 0);
  CHECK(stats().waiting == 0);
  // and every commit that was acknowledged is there, and no other but those in doubt
  std::set<int64_t> found;
  auto rows = database().execute("select id from ledger");
  REQUIRE(rows);
  for (auto row : *rows)
    CHECK(found.insert(row.get<int64_t>(0).value()).second);
  auto acknowledged = traffic.acknowledged();
  auto possible = traffic.in_doubt();
  CHECK(acknowledged.size() > 100);
  CHECK(std::includes(found.begin(), found.end(), acknowledged.begin(), acknowledged.end()));
  possible.insert(acknowledged.begin(), acknowledged.end());
  CHECK(std::includes(possible.begin(), possible.end(), found.begin(), found.end()));
  // and the server that came back was not stormed
  auto seen = logins_in(server.log_text());
  CHECK(seen.all >= 6 * 8);
  CHECK(seen.at_once <= 2);
}

TEST_CASE_METHOD(pool_fixture,
                 "PostgreSQL hangs under load: every request is answered by its deadline") {
  start();
  load traffic{system, client().within(3s), 16};
  REQUIRE(testing::eventually([&] { return traffic.succeeded() > 1000; }, 30s));
  server.pause();
  REQUIRE(testing::eventually([&] { return traffic.failed >= 16; }, 6s));
  CHECK(besides({"deadline_exceeded"}, traffic.errors()).empty());
  server.resume();
  auto before = traffic.succeeded();
  REQUIRE(testing::eventually([&] { return traffic.succeeded() > before + 100; }, 20s));
  traffic.stop();
}

TEST_CASE_METHOD(pool_fixture, "the pool comes up by itself when PostgreSQL comes up late") {
  server.stop();
  pool = spawn_postgres_pool(loop, {"postgres_pool",
                                    settings,
                                    std::make_shared<observe::registry>(),
                                    testing::make_silent_logger(),
                                    {}});
  caf::scoped_actor self{system};
  self->request(pool, 30s, start_atom_v, call_context{})
      .receive([] { FAIL("there is no server"); },
               [&](const caf::error& reason) {
                 CHECK(detail(reason).what.find("connection refused at 127.0.0.1:" +
                                                std::to_string(server.port())) !=
                       std::string::npos);
               });
  server.start();
  self->request(pool, 30s, ready_atom_v, call_context{})
      .receive([] {}, [](const caf::error& reason) { FAIL(describe(reason)); });
  CHECK(value<int32_t>("select 1") == 1);
}
