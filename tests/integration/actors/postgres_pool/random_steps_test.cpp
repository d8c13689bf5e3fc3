// Random steps of real actors on a real server: checkouts, queries, cancels,
// timeouts and owners that die, while a connection of its own watches the server.
//
// The suite takes 20,000 steps. A million take some minutes:
//
//   POOL_STEPS=1000000 build/release/bin/dbs_integration_tests "random steps of actors*"
//
// The steps follow from --rng-seed; how they interleave does not.
#include "integration/actors/postgres_pool/pool_fixture.hpp"
#include "integration/actors/postgres_pool/server_watch.hpp"

#include <caf/stateful_actor.hpp>

#include <catch2/catch_get_random_seed.hpp>
#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <iostream>
#include <map>
#include <mutex>
#include <random>

using namespace dbs;
using namespace dbs::tests;

namespace {

int64_t steps_to_take() {
  auto* text = std::getenv("POOL_STEPS");
  return text != nullptr ? std::stoll(text) : 20'000;
}

/// What the actors share.
struct world {
  world(postgres_pool_actor of, int64_t steps) : pool(std::move(of)), steps_left(steps) {}

  postgres_pool_actor pool;
  std::atomic<int64_t> steps_left;
  std::atomic<int> alive{0};
  std::atomic<int64_t> asked{0};
  std::atomic<int64_t> answered{0};
  /// In flight when their actor died.
  std::atomic<int64_t> orphaned{0};
  std::atomic<int64_t> deaths{0};
  /// Rows of transactions whose COMMIT was acknowledged, and of those whose outcome
  /// nobody knows.
  std::atomic<int64_t> committed{0};
  std::atomic<int64_t> in_doubt{0};

  void count(errc code) {
    std::unique_lock guard{mutex_};
    ++outcomes_[to_string(code)];
  }

  std::map<std::string, int> outcomes() {
    std::unique_lock guard{mutex_};
    return outcomes_;
  }

private:
  std::mutex mutex_;
  std::map<std::string, int> outcomes_;
};

/// Takes one random step after the other until they are used up, or until it dies at
/// random: then another one takes its place. It holds bare leases, so that nothing
/// but its death gives them back.
class customer_state {
public:
  static inline const char* name = "customer";

  customer_state(caf::event_based_actor* self, world& shared, uint32_t seed)
      : self_(self), world_(shared), random_(seed) {
    ++world_.alive;
  }

  ~customer_state() {
    world_.orphaned += in_flight_;
    if (committing_)
      world_.in_doubt += rows_;
    --world_.alive;
  }

  caf::behavior make_behavior() {
    step();
    return {};
  }

private:
  uint32_t below(uint32_t n) { return static_cast<uint32_t>(random_() % n); }

  // -- requests ----------------------------------------------------------------------

  template <class Verb, class Request>
  auto ask(Verb verb, Request request, caf::timespan timeout) {
    ++world_.asked;
    ++in_flight_;
    auto context = call_context{};
    if (timeout.count() != 0)
      context.deadline = self_->clock().now() + timeout;
    return pending_request{
        mail(self_, verb, context, std::move(request)).request(world_.pool, caf::infinite)};
  }

  template <class Verb, class Request, class F>
  void drive(Verb verb, Request request, F on_success) {
    ask(verb, std::move(request), 0ms)
        .then(
            [this, on_success] {
              on_success();
              success();
            },
            [this](const caf::error& reason) { failure(reason); });
  }

  void execute(
      std::string sql, pg_params params, caf::timespan timeout,
      std::function<void(const pg_result&)> check = [](const pg_result&) {}) {
    auto on_result = [this, check = std::move(check)](const pg_result& rows) {
      check(rows);
      success();
    };
    auto on_error = [this](const caf::error& reason) { failure(reason); };
    pg_statement statement{std::move(sql), std::move(params), true};
    if (lease_.id != 0)
      ask(execute_atom_v, pg_lease_statement{lease_, std::move(statement)}, timeout)
          .then(on_result, on_error);
    else
      ask(execute_atom_v, std::move(statement), timeout).then(on_result, on_error);
  }

  void success() {
    heard(errc::none);
    step();
  }

  void failure(const caf::error& reason) {
    heard(static_cast<errc>(reason.code()));
    // The busier the machine, the more often there is no connection in time. The step is
    // taken once more, so that how many of each kind there are does not depend on that. Who
    // holds a lease goes on: the others wait for it.
    if (reason == errc::pool_exhausted && lease_.id == 0)
      step_without_lease();
    else
      step();
  }

  void heard(errc outcome) {
    ++world_.answered;
    --in_flight_;
    world_.count(outcome);
  }

  // -- choosing ----------------------------------------------------------------------

  void step() {
    dice_ = below(1000);
    if (world_.steps_left.fetch_sub(1) <= 0)
      self_->quit();
    else if (lease_.id == 0)
      step_without_lease();
    else
      step_on_lease();
  }

  void step_without_lease() {
    auto dice = dice_;
    if (dice < 400)
      query();
    else if (dice < 800)
      checkout({}, below(4) == 0 ? 20ms : 0ms);
    else if (dice < 820)
      sleep("select pg_sleep(0.02)");
    else if (dice < 840)
      sleep("select pg_sleep(0.002)"); // ends when the deadline passes
    else if (dice < 870)
      execute("select 1 / 0", {}, 0ms);
    else if (dice < 900)
      execute("select 1", {}, -1ms); // too late already
    else if (dice < 930)
      die_after([this] { checkout({}, 0ms); });
    else if (dice < 960)
      die_after([this] { query(); });
    else
      query(100ms);
  }

  void step_on_lease() {
    auto dice = dice_;
    if (dice < 320)
      query();
    else if (dice < 460)
      open_ ? insert() : begin();
    else if (dice < 500)
      begin(); // refused if a transaction is open
    else if (dice < 630)
      open_ ? commit() : query();
    else if (dice < 640)
      commit(); // refused if none is
    else if (dice < 670)
      drive(rollback_atom_v, lease_, [this] { open_ = false; });
    else if (dice < 690)
      drive(savepoint_atom_v, pg_savepoint{lease_, pg_savepoint_action::set, "here"}, [] {});
    else if (dice < 730)
      leave_traces();
    else if (dice < 740)
      sleep("select pg_sleep(0.02)");
    else if (dice < 750)
      sleep("select pg_sleep(0.002)");
    else if (dice < 770)
      execute("select 1 / 0", {}, 0ms);
    else if (dice < 800)
      checkout({below(2) == 0}, 20ms);
    else if (dice < 940)
      release();
    else if (dice < 960)
      die_after([] {});
    else if (dice < 970)
      die_after([this] { commit(); });
    else
      die_after([this] {
        for (int i = 0; i < 3; ++i)
          query();
      });
  }

  // -- steps -------------------------------------------------------------------------

  void query(caf::timespan timeout = 0ms) {
    auto tag = static_cast<int32_t>(below(1'000'000'000));
    execute("select $1::int", make_params(tag), timeout, [tag](const pg_result& rows) {
      if (rows.row(0).get<int32_t>(0) != tag)
        throw std::logic_error("somebody else's result");
    });
  }

  void sleep(const char* sql) { execute(sql, {}, 2ms); }

  void leave_traces() {
    static constexpr const char* traces[] = {"set search_path = pg_catalog",
                                             "select pg_advisory_lock_shared(1)", "listen news",
                                             "declare c cursor with hold for select 1", "begin"};
    execute(traces[below(std::size(traces))], {}, 0ms);
  }

  void begin() {
    drive(begin_atom_v, pg_transaction{lease_}, [this] {
      open_ = true;
      rows_ = 0;
    });
  }

  void insert() {
    execute("insert into ledger values ($1)", make_params(1), 0ms,
            [this](const pg_result&) { ++rows_; });
  }

  void commit() {
    committing_ = open_;
    auto settle = [this](std::atomic<int64_t>* where) {
      if (std::exchange(committing_, false) && where != nullptr)
        *where += rows_;
      open_ = false;
    };
    ask(commit_atom_v, lease_, below(4) == 0 ? 1ms : 0ms)
        .then(
            [this, settle] {
              settle(&world_.committed);
              success();
            },
            [this, settle](const caf::error& reason) {
              settle(reason == errc::in_doubt ? &world_.in_doubt : nullptr);
              failure(reason);
            });
  }

  void release() {
    auto lease = std::exchange(lease_, pg_lease{});
    open_ = false;
    auto on_released = [this, lease] {
      auto dice = below(4);
      if (dice == 0) { // once more, which is harmless
        heard(errc::none);
        drive(release_atom_v, lease, [] {});
      } else if (dice == 1) { // used after its release, which is refused
        heard(errc::none);
        drive(commit_atom_v, lease, [] { throw std::logic_error("a released lease commits"); });
      } else {
        success();
      }
    };
    ask(release_atom_v, lease, 0ms).then(on_released, [](const caf::error& reason) {
      throw std::logic_error("a release failed: " + describe(reason));
    });
  }

  void checkout(pg_checkout what, caf::timespan timeout) {
    ask(checkout_atom_v, what, timeout)
        .then(
            [this](pg_lease lease) {
              // The second one of a nested checkout: keep one of the two.
              auto extra = std::exchange(lease_, lease);
              open_ = false;
              if (extra.id != 0)
                anon_mail(release_atom_v, call_context{}, extra).send(world_.pool);
              success();
            },
            [this](const caf::error& reason) { failure(reason); });
  }

  /// With requests in flight that nobody will hear the answers of.
  template <class F>
  void die_after(F requests) {
    requests();
    ++world_.deaths;
    self_->system().spawn<customer>(std::ref(world_), static_cast<uint32_t>(random_()));
    self_->quit(caf::exit_reason::kill);
  }

  using customer = caf::stateful_actor<customer_state>;

  caf::event_based_actor* self_;
  world& world_;
  std::minstd_rand random_;
  /// Which step is being taken.
  uint32_t dice_ = 0;
  pg_lease lease_;
  /// Whether a transaction of ours is open, as far as we know, and its rows.
  bool open_ = false;
  bool committing_ = false;
  int64_t rows_ = 0;
  int64_t in_flight_ = 0;
};

} // namespace

TEST_CASE_METHOD(pool_fixture, "random steps of actors on a real server leave nothing behind") {
  settings.pool_size = 3;
  settings.max_overflow = 2;
  settings.acquire_timeout = 5ms;
  start();
  REQUIRE(database().execute("create table ledger (x int)"));
  auto seed = Catch::getSeed();
  auto steps = steps_to_take();
  INFO(steps << " steps with --rng-seed " << seed);
  auto begun = std::chrono::steady_clock::now();
  // given actors that do what they like
  server_watch watch{server};
  world shared{pool, steps};
  for (uint32_t i = 0; i < 16; ++i)
    system.spawn<caf::stateful_actor<customer_state>>(std::ref(shared), seed + i);
  // when all steps are taken, and whoever still held a lease has gone
  REQUIRE(testing::eventually([&] { return shared.alive == 0; },
                              std::chrono::seconds{60 + steps / 200}));
  REQUIRE(testing::eventually([&] {
    auto x = stats();
    return x.leases == 0 && x.active_connections == 0 && x.quarantined == 0 && x.connecting == 0;
  }));
  watch.stop();
  // then no answer is missing, and none was a surprise
  CHECK(shared.asked == shared.answered + shared.orphaned);
  for (auto& [name, times] : shared.outcomes()) {
    INFO(name << ": " << times);
    CHECK((name == "none" || name == "deadline_exceeded" || name == "pool_exhausted" ||
           name == "query_failed" || name == "invalid_argument" || name == "in_doubt"));
  }
  // and the server never saw more connections than allowed
  INFO(watch.samples() << " samples, one every " << watch.mean_interval().count() << " us");
  CHECK(watch.problem().empty());
  CHECK(watch.most() <= 5);
  CHECK(watch.most() > 3);
  // who looked often while all that happened
  CHECK(watch.samples() > static_cast<uint64_t>(steps / 100));
  // and nothing is left of anybody: connections, transactions, locks, rows
  CHECK(stats().waiting == 0);
  // A backend takes its time to end.
  CHECK(testing::eventually(
      [this] { return static_cast<int>(stats().idle) == server_connections(); }));
  CHECK(server.psql("select count(*) from pg_stat_activity where application_name = 'dbs' and "
                    "state <> 'idle'") == "0");
  CHECK(server.psql("select count(*) from pg_locks where locktype = 'advisory'") == "0");
  auto rows = std::stoll(server.psql("select count(*) from ledger"));
  CHECK(rows >= shared.committed);
  CHECK(rows <= shared.committed + shared.in_doubt);
  // and the steps were the interesting ones
  CHECK(shared.deaths > steps / 100);
  CHECK(shared.committed > steps / 200);
  CHECK(counter("reclaimed") > steps / 100);
  CHECK(counter("cancel") > steps / 500);
  CHECK(counter("acquire_timeouts") > 0);
  CHECK(counter("resets") > steps / 1000);
  CHECK(counter("closed_overflow") > 0);
  auto took = std::chrono::steady_clock::now() - begun;
  std::cout << steps << " random steps in "
            << std::chrono::duration_cast<std::chrono::seconds>(took).count() << " s (--rng-seed "
            << seed << "): " << shared.deaths << " deaths, " << counter("cancel") << " cancels, "
            << rows << " rows, at most " << watch.most() << " connections\n";
}
