// Tagged queries on shared connections under errors, deadlines, cancels and kills.
//
// The suite runs 100,000. A million take a minute or two:
//
//   SHARED_QUERIES=1000000 build/release/bin/dbs_integration_tests "tagged queries*"
#include "integration/actors/postgres_pool/pool_fixture.hpp"

#include <catch2/catch_get_random_seed.hpp>
#include <catch2/catch_test_macros.hpp>

#include <atomic>
#include <cstdlib>
#include <iostream>
#include <map>
#include <mutex>
#include <random>
#include <set>
#include <sstream>

using namespace dbs;
using namespace dbs::tests;

namespace {

int64_t queries_to_run() {
  auto* text = std::getenv("SHARED_QUERIES");
  return text != nullptr ? std::stoll(text) : 100'000;
}

/// Callers that ask one query after the other, each with a tag of its own that its answer
/// must have.
class tagged_load {
public:
  explicit tagged_load(int64_t queries) : left_(queries) {}

  void start(caf::actor_system& system, const database_client& database, uint32_t callers,
             uint32_t seed) {
    alive = callers;
    for (uint32_t i = 0; i < callers; ++i)
      system.spawn([this, database, seed, i](caf::event_based_actor* self) {
        next(self, database, std::make_shared<std::minstd_rand>(seed + i));
      });
  }

  /// Of rows that were to be inserted.
  enum class fate { acknowledged, refused, in_doubt };

  std::map<int32_t, fate> rows() {
    std::lock_guard guard{mutex_};
    return rows_;
  }

  std::map<std::string, int64_t> outcomes() {
    std::lock_guard guard{mutex_};
    return outcomes_;
  }

  std::atomic<int64_t> alive{0};
  std::atomic<int64_t> asked{0};
  std::atomic<int64_t> answered{0};
  std::atomic<int64_t> mixed_up{0};
  std::atomic<int64_t> surprises{0};

private:
  using self_ptr = caf::event_based_actor*;
  using random = std::shared_ptr<std::minstd_rand>;

  void next(self_ptr self, const database_client& database, const random& dice) {
    if (left_.fetch_sub(1) <= 0) {
      --alive;
      return;
    }
    auto tag = static_cast<int32_t>(++asked);
    auto below = [&dice](uint32_t n) { return static_cast<uint32_t>((*dice)() % n); };
    auto kind = below(1000);
    auto inserts = kind < 200;
    auto fails = kind >= 200 && kind < 300;
    auto statement = make_statement("select $1::int", tag);
    if (inserts)
      statement = make_statement("insert into ledger values ($1) returning tag", tag);
    else if (fails)
      statement = make_statement("select $1::int / 0", tag);
    else if (kind < 450) // more texts than a connection keeps
      statement.sql += " /* " + std::to_string(below(40)) + " */";
    else if (kind < 500)
      statement.prepare = false;
    else if (kind < 520)
      statement.sql += " from pg_sleep(0.002)";
    else if (kind < 521)
      statement.sql += " from (select pg_terminate_backend(pid) from pg_stat_activity where "
                       "application_name = 'dbs' order by random() limit 1) as x";
    else if (kind < 525)
      statement.sql += " from (select pg_cancel_backend(pid) from pg_stat_activity where "
                       "application_name = 'dbs' order by random() limit 1) as x";
    auto asker =
        below(20) == 0 ? database.within(std::chrono::microseconds{200 + below(4000)}) : database;
    auto on_answer = [=, this](const pg_result& rows) {
      if (fails || rows.row(0).get<int32_t>(0) != tag)
        ++mixed_up;
      note("none", tag, inserts, fate::acknowledged);
      next(self, database, dice);
    };
    auto on_error = [=, this](const caf::error& why) {
      auto state = detail(why).sqlstate;
      // What others have done to it, or what it is for.
      if (why == errc::query_failed && state != "57014" && (!fails || state != "22012"))
        ++surprises;
      auto outcome = why == errc::query_failed ? state : to_string(static_cast<errc>(why.code()));
      if (why == errc::connection_lost) // not expected: it is to be run again
        outcome += ": " + detail(why).what;
      note(outcome, tag, inserts, why == errc::in_doubt ? fate::in_doubt : fate::refused);
      next(self, database, dice);
    };
    asker.run(self, std::move(statement)).then(on_answer, on_error);
  }

  void note(const std::string& outcome, int32_t tag, bool inserts, fate what) {
    ++answered;
    std::lock_guard guard{mutex_};
    ++outcomes_[outcome];
    if (inserts)
      rows_.emplace(tag, what);
  }

  std::atomic<int64_t> left_;
  std::mutex mutex_;
  std::map<std::string, int64_t> outcomes_; // guarded by mutex_
  std::map<int32_t, fate> rows_;            // guarded by mutex_
};

} // namespace

TEST_CASE_METHOD(pool_fixture, "tagged queries on shared connections have their own answers") {
  settings.pool_size = 4;
  settings.shared_connections = 3;
  settings.statement_cache = 16;
  settings.acquire_timeout = 60s; // the machine may stand still
  settings.max_waiting = 1000;
  start();
  REQUIRE(database().execute("create table ledger (tag int)"));
  auto seed = Catch::getSeed();
  auto queries = queries_to_run();
  INFO(queries << " queries with --rng-seed " << seed);
  auto begun = std::chrono::steady_clock::now();
  tagged_load load{queries};
  load.start(system, client().sharing(), 64, seed);
  REQUIRE(testing::eventually([&] { return load.alive == 0; },
                              std::chrono::seconds{60 + queries / 1000}));
  // none is answered with another's result, and all are answered
  CHECK(load.mixed_up == 0);
  CHECK(load.surprises == 0);
  CHECK(load.asked == queries);
  CHECK(load.answered == queries);
  std::ostringstream summary;
  for (auto& [name, times] : load.outcomes()) {
    summary << ' ' << name << ": " << times;
    CAPTURE(name);
    CHECK((name == "none" || name == "22012" || name == "57014" || name == "deadline_exceeded" ||
           name == "in_doubt"));
  }
  // and what was acknowledged has happened once, what was refused has not
  REQUIRE(testing::eventually([&] { return stats().active_connections == 0; }));
  std::map<int32_t, int> found;
  std::istringstream lines{server.psql("select tag from ledger")};
  for (int32_t tag = 0; lines >> tag;)
    ++found[tag];
  int64_t wrong = 0;
  auto rows = load.rows();
  for (auto& [tag, times] : found)
    wrong += times != 1 || !rows.contains(tag) ? 1 : 0;
  for (auto& [tag, fate] : rows) {
    wrong += fate == tagged_load::fate::acknowledged && !found.contains(tag) ? 1 : 0;
    wrong += fate == tagged_load::fate::refused && found.contains(tag) ? 1 : 0;
  }
  CHECK(wrong == 0);
  // and the queries were the interesting ones
  CHECK(counter("shared") > queries / 2);
  CHECK(counter("lost") > queries / 5000);
  CHECK(counter("cancel") > queries / 2000);
  CHECK(counter("retried") > 0);
  auto took = std::chrono::steady_clock::now() - begun;
  std::cout << queries << " tagged queries in "
            << std::chrono::duration_cast<std::chrono::seconds>(took).count() << " s (--rng-seed "
            << seed << "):" << summary.str() << "; " << counter("shared") << " shared, "
            << counter("lost") << " connections lost, " << counter("cancel") << " cancels, "
            << counter("retried") << " run again\n";
}
