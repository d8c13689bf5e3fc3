// SQL through the services against raw libpq and against the pools of other
// languages.
#include "figures/all.hpp"
#include "figures/echo.hpp"
#include "figures/running_services.hpp"
#include "figures/servers.hpp"
#include "harness/closed_loop.hpp"
#include "peers/kv.hpp"
#include "peers/libpq.hpp"
#include "peers/programs.hpp"

#include "dbs/messages/error_detail.hpp"

#include <random>

namespace dbs::bench {

namespace {

constexpr int connections = 8;
constexpr int callers = 64;
constexpr int per_batch = 50;

/// Of the figures about shared connections.
constexpr int shared_connections = 4;

// -- what callers do ---------------------------------------------------------------

/// One prepared select with a random key; see `caller`.
struct select_by_key {
  database_client database;
  std::minstd_rand keys;

  template <class Turn>
  void operator()(caf::event_based_actor* self, Turn turn) {
    database.execute(self, kv_select, static_cast<int32_t>(1 + keys() % kv_rows))
        .then(
            [turn](const pg_result& rows) {
              if (rows.rows() == 1)
                turn.done();
              else
                turn.failed("a key has no row");
            },
            [turn](const caf::error& reason) { turn.failed(describe(reason)); });
  }
};

/// One batch of selects on a lease, which it takes first.
struct select_in_batches {
  database_client database;
  std::minstd_rand keys;
  pg_session session;

  template <class Turn>
  void operator()(caf::event_based_actor* self, Turn turn) {
    if (session)
      return run(self, turn);
    database.checkout(self).then(
        [this, self, turn](pg_session taken) {
          session = std::move(taken);
          run(self, turn);
        },
        [turn](const caf::error& reason) { turn.failed(describe(reason)); });
  }

  template <class Turn>
  void run(caf::event_based_actor* self, Turn turn) {
    std::vector<pg_statement> batch;
    batch.reserve(per_batch);
    for (int i = 0; i < per_batch; ++i)
      batch.push_back(make_statement(kv_select, static_cast<int32_t>(1 + keys() % kv_rows)));
    session.execute_batch(self, std::move(batch))
        .then(
            [turn](const std::vector<pg_result>& results) {
              for (auto& rows : results)
                if (rows.rows() != 1)
                  return turn.failed("a key has no row");
              turn.done();
            },
            [turn](const caf::error& reason) { turn.failed(describe(reason)); });
  }
};

/// Takes a connection and lets it go.
struct checkout_and_return {
  database_client database;

  template <class Turn>
  void operator()(caf::event_based_actor* self, Turn turn) const {
    database.checkout(self).then(
        [turn](pg_session session) {
          { auto dropped = std::move(session); }
          turn.done();
        },
        [turn](const caf::error& reason) { turn.failed(describe(reason)); });
  }
};

// -- who runs ----------------------------------------------------------------------

/// Servers with the table, and services before them.
class database {
public:
  explicit database(int pool_size) : services_(settings(servers_, pool_size)) {}

  load_summary select(int how_many) { return select(services_.database(), how_many); }

  load_summary select_shared(int how_many) {
    return select(services_.database().sharing(), how_many);
  }

  load_summary select_batches() {
    return closed_loop(services_.system(), 1, window{}, [this](int) {
      return select_in_batches{services_.database(), std::minstd_rand{1}, {}};
    });
  }

  std::string conninfo() const { return servers_.conninfo(); }

  program_load load() const { return {servers_.postgres(), connections, callers, window{}}; }

  running_services& services() noexcept { return services_; }

private:
  load_summary select(const database_client& client, int how_many) {
    return closed_loop(services_.system(), how_many, window{}, [&client](int number) {
      return select_by_key{client, std::minstd_rand{static_cast<uint32_t>(number + 1)}};
    });
  }

  static std::vector<std::pair<std::string, std::string>> settings(const servers& what,
                                                                   int pool_size) {
    auto result = what.settings();
    result.emplace_back("database.pool_size", std::to_string(pool_size));
    result.emplace_back("database.min_idle", std::to_string(pool_size));
    return result;
  }

  servers servers_;
  running_services services_;
};

// -- the contests ------------------------------------------------------------------

class against_mux : public duel {
protected:
  double ours() override { return database_.select(callers).per_second; }
  double peer() override { return peer_.run(window{}).per_second; }

private:
  database database_{connections};
  libpq_mux peer_{database_.conninfo(), connections};
};

class shared_against_libpq : public duel {
protected:
  double ours() override { return database_.select_shared(callers).per_second; }
  double peer() override { return peer_.run(window{}).per_second; }

private:
  database database_{shared_connections};
  libpq_pipelines peer_{database_.conninfo(), shared_connections, callers / shared_connections};
};

class shared_against_program : public duel {
public:
  explicit shared_against_program(double (*program)(const program_load&)) : program_(program) {}

protected:
  double ours() override { return database_.select_shared(callers).per_second; }
  double peer() override { return program_(database_.load()); }

private:
  database database_{shared_connections};
  double (*program_)(const program_load&);
};

class batch : public duel {
protected:
  double ours() override { return per_batch * database_.select_batches().per_second; }
  double peer() override { return per_batch * peer_.run(window{}).per_second; }

private:
  database database_{connections};
  libpq_pipeline peer_{database_.conninfo(), per_batch};
};

class against_program : public duel {
public:
  explicit against_program(double (*program)(const program_load&)) : program_(program) {}

protected:
  double ours() override { return database_.select(callers).per_second; }
  double peer() override { return program_(database_.load()); }

private:
  database database_{connections};
  double (*program_)(const program_load&);
};

class tail : public contest {
public:
  reading round(bool) override {
    auto x = database_.select(callers);
    return {x.p99_us, x.p50_us};
  }

private:
  database database_{connections};
};

class single_caller : public duel {
protected:
  double ours() override { return database_.select(1).p50_us; }
  double peer() override { return peer_.run(window{}).p50_us; }

private:
  database database_{connections};
  libpq_sync peer_{database_.conninfo()};
};

/// With a single connection, so that a checkout has to wait for the return before it.
class checkout : public duel {
public:
  /// @param how the loop of the peer.
  explicit checkout(event_loop::drive how) : loop_(services().system(), "bench", how) {}

protected:
  double ours() override {
    return p50([this](int) { return checkout_and_return{services().database()}; });
  }
  double peer() override {
    return p50([this](int) { return echo_request{empty_.get()}; });
  }

private:
  running_services& services() noexcept { return database_.services(); }

  template <class MakeOperation>
  double p50(MakeOperation make_operation) {
    return closed_loop(services().system(), 1, window{}, std::move(make_operation)).p50_us;
  }

  database database_{1};
  event_loop loop_;
  owned_actor<echo_actor> empty_ = spawn_echo_on(loop_);
};

} // namespace

std::vector<figure> database_figures() {
  return {
      {"pool_execute_64_callers_vs_libpq", "op/s", placement::free,
       "raw libpq, 1 thread, 8 connections", ">= 0.85", make<against_mux>()},
      {"pool_execute_64_callers_vs_asyncpg", "op/s", placement::free, "asyncpg pool of 8, uvloop",
       ">= 4", make<against_program>(asyncpg_pool)},
      {"pool_execute_64_callers_vs_node", "op/s", placement::free, "node-postgres pool of 8",
       ">= 1.5", make<against_program>(node_postgres_pool)},
      {"pool_execute_64_callers_vs_pgbench", "op/s", placement::free,
       "pgbench -M prepared -c 8 -j 1", "", make<against_program>(pgbench)},
      {"pool_execute_tail", "us p99", placement::free, "own p50", "<= 3", make<tail>()},
      {"pool_execute_1_caller", "us p50", placement::one_core, "raw synchronous libpq", "<= 2",
       make<single_caller>()},
      {"pool_batch_of_50_vs_libpq", "statements/s", placement::free,
       "raw libpq, pipeline mode, 50 per sync", ">= 0.7", make<batch>()},
      {"pool_shared_64_callers_vs_libpq", "op/s", placement::free,
       "raw libpq, 1 thread, 4 connections, pipelines of 16, a sync per query", ">= 0.6",
       make<shared_against_libpq>()},
      {"pool_shared_64_callers_vs_pgbench", "op/s", placement::free,
       "pgbench -M prepared -c 8 -j 1", ">= 1.3", make<shared_against_program>(pgbench)},
      {"pool_shared_64_callers_vs_asyncpg", "op/s", placement::free, "asyncpg pool of 8, uvloop",
       ">= 8", make<shared_against_program>(asyncpg_pool)},
      {"pool_checkout_return", "us p50", placement::one_core, "request to an empty loop actor",
       "<= 2", make<checkout>(event_loop::drive::thread)},
      {"pool_checkout_return_vs_lent", "us p50", placement::one_core,
       "request to an empty actor on a lent loop", "", make<checkout>(event_loop::drive::lent)},
  };
}

} // namespace dbs::bench
