// The PostgreSQL pool against raw libpq and against the pools of other languages.
#include "harness/closed_loop.hpp"
#include "harness/figure.hpp"
#include "peers/libpq.hpp"

#include "dbs/actors/client/database_client.hpp"
#include "dbs/actors/postgres_pool/postgres_pool.hpp"
#include "dbs/testing/fixture/silent_logger.hpp"
#include "dbs/testing/servers/private_postgres.hpp"

#include <caf/actor_system_config.hpp>
#include <fmt/core.h>

#include <cstdio>
#include <cstdlib>
#include <random>

namespace dbs::bench {

namespace {

using namespace std::chrono_literals;

constexpr int connections = 8;
constexpr int callers = 64;
constexpr auto duration = 1500ms;

using empty_actor = caf::typed_actor<caf::result<int32_t>(caf::get_atom, call_context, int32_t)>;

struct empty_state {
  using actor_type = empty_actor;
  static inline const char* name = "dbs.bench.empty";
  explicit empty_state(loop_actor<empty_actor>*) {}
  empty_actor::behavior_type make_behavior() {
    return {[](caf::get_atom, const call_context&, int32_t x) { return x; }};
  }
};

/// A server with 100,000 rows of 100 bytes, and our pool in front of it.
class pool_contest : public contest {
public:
  pool_contest() : system_(configure(config_)), loop_(system_, "bench") {
    server_.psql("CREATE TABLE kv (k int PRIMARY KEY, v text NOT NULL)");
    server_.psql(
        "INSERT INTO kv SELECT i, rpad(i::text, 100, 'x') FROM generate_series(1, 100000) i");
    server_.psql("VACUUM ANALYZE kv");
    postgres_pool_options options;
    options.settings.target.hosts = {{server_.socket_directory().string(), server_.port()}};
    options.settings.target.user = "postgres";
    options.settings.target.dbname = "postgres";
    options.settings.pool_size = connections;
    options.settings.min_idle = connections;
    options.metrics = std::make_shared<observe::registry>();
    options.log = testing::make_silent_logger();
    pool_ = spawn_postgres_pool(loop_, std::move(options));
    caf::scoped_actor self{system_};
    self->request(pool_, caf::infinite, start_atom_v, call_context{})
        .receive([] {}, [](const caf::error& e) { throw std::runtime_error(describe(e)); });
    empty_ = spawn_on<empty_state>(loop_);
  }

  ~pool_contest() override {
    caf::anon_send_exit(pool_, caf::exit_reason::user_shutdown);
    caf::anon_send_exit(empty_, caf::exit_reason::user_shutdown);
    pool_ = nullptr;
    empty_ = nullptr;
    system_.await_all_actors_done();
    loop_.stop();
  }

protected:
  run_figures_t select(int how_many) {
    auto database = database_client{pool_};
    auto random = std::make_shared<std::minstd_rand>(1);
    return closed_loop(
        system_, how_many, duration,
        [database, random](caf::event_based_actor* self, std::function<void()> done) {
          thread_local std::minstd_rand keys{1};
          database
              .execute(self, "SELECT v FROM kv WHERE k = $1",
                       static_cast<int32_t>(1 + keys() % 100'000))
              .then(
                  [done](const pg_result& rows) {
                    if (rows.rows() != 1)
                      throw std::runtime_error("a query of ours failed");
                    done();
                  },
                  [](const caf::error& reason) { throw std::runtime_error(describe(reason)); });
        });
  }

  /// Runs a peer program and reads the number that it prints.
  double program(const std::string& command) const {
    auto* pipe = popen(command.c_str(), "r");
    if (pipe == nullptr)
      throw std::runtime_error("cannot run " + command);
    char line[256] = {};
    auto* read = std::fgets(line, sizeof(line), pipe);
    if (pclose(pipe) != 0 || read == nullptr)
      throw std::runtime_error("the peer failed: " + command);
    return std::strtod(line, nullptr);
  }

  std::string conninfo() const {
    return fmt::format("host={} port={} user=postgres dbname=postgres",
                       server_.socket_directory().string(), server_.port());
  }

  std::string peer_arguments() const {
    return fmt::format("{} {} {} {} {}", server_.socket_directory().string(), server_.port(),
                       connections, callers, std::chrono::duration<double>{duration}.count());
  }

  static caf::actor_system_config& configure(caf::actor_system_config& config) {
    config.set("caf.scheduler.policy", "sharing");
    config.set("caf.scheduler.max-threads", 1u);
    return config;
  }

  testing::private_postgres server_;
  caf::actor_system_config config_;
  caf::actor_system system_;
  event_loop loop_;
  postgres_pool_state::actor_type pool_;
  empty_actor empty_;
};

class against_mux : public pool_contest {
public:
  double ours() override { return select(callers).per_second; }
  double peer() override { return libpq_mux(conninfo(), connections, duration).per_second; }
};

class against_asyncpg : public pool_contest {
public:
  double ours() override { return select(callers).per_second; }
  double peer() override {
    return program("/usr/bin/python3 " DBS_BENCH_PEERS "/asyncpg_pool.py " + peer_arguments());
  }
};

class against_node : public pool_contest {
public:
  double ours() override { return select(callers).per_second; }
  double peer() override {
    return program("node " DBS_BENCH_PEERS "/node_postgres.mjs " + peer_arguments());
  }
};

class against_pgbench : public pool_contest {
public:
  pool_contest& prepare() { return *this; }
  double ours() override { return select(callers).per_second; }
  double peer() override {
    return program(fmt::format(
        "printf '\\\\set k random(1, 100000)\\nSELECT v FROM kv WHERE k = :k;\\n' | "
        "PATH=$PATH:$(pg_config --bindir) pgbench -n -M prepared -c {} -j 1 -T {} -f - -h {} -p {} "
        "-U postgres postgres 2>/dev/null | sed -n 's/^tps = \\([0-9.]*\\).*/\\1/p'",
        connections, 2, server_.socket_directory().string(), server_.port()));
  }
};

class tail : public pool_contest {
public:
  double ours() override {
    last_ = select(callers);
    return last_.p99_us;
  }
  double peer() override { return last_.p50_us; }

private:
  run_figures_t last_;
};

class single_caller : public pool_contest {
public:
  double ours() override { return select(1).p50_us; }
  double peer() override { return libpq_sync(conninfo(), duration).p50_us; }
};

class checkout : public pool_contest {
public:
  double ours() override {
    auto pool = caf::actor_cast<postgres_pool_actor>(pool_);
    return closed_loop(system_, 1, duration,
                       [pool](caf::event_based_actor* self, std::function<void()> done) {
                         self->request(pool, caf::infinite, checkout_atom_v, call_context{},
                                       pg_checkout{})
                             .then([=](pg_lease lease) {
                               anon_mail(release_atom_v, call_context{}, lease).send(pool);
                               done();
                             });
                       })
        .p50_us;
  }

  double peer() override {
    auto to = empty_;
    return closed_loop(system_, 1, duration,
                       [to](caf::event_based_actor* self, std::function<void()> done) {
                         self->request(to, caf::infinite, caf::get_atom_v, call_context{},
                                       int32_t{1})
                             .then([done](int32_t) { done(); });
                       })
        .p50_us;
  }
};

template <class Contest>
std::unique_ptr<contest> make() {
  return std::make_unique<Contest>();
}

} // namespace

std::vector<figure> database_figures() {
  return {
      {"pool_execute_64_callers_vs_libpq", "op/s", placement::free,
       "raw libpq, 1 thread, 8 connections", ">= 0.85", make<against_mux>},
      {"pool_execute_64_callers_vs_asyncpg", "op/s", placement::free, "asyncpg pool of 8, uvloop",
       ">= 4", make<against_asyncpg>},
      {"pool_execute_64_callers_vs_node", "op/s", placement::free, "node-postgres pool of 8",
       ">= 1.5", make<against_node>},
      {"pool_execute_64_callers_vs_pgbench", "op/s", placement::free,
       "pgbench -M prepared -c 8 -j 1", "", make<against_pgbench>},
      {"pool_execute_tail", "us", placement::free, "own p50 (p99 against it)", "<= 3", make<tail>},
      {"pool_execute_1_caller", "us p50", placement::one_core, "raw synchronous libpq", "<= 2",
       make<single_caller>},
      {"pool_checkout_return", "us p50", placement::one_core, "request to an empty loop actor",
       "<= 2", make<checkout>},
  };
}

} // namespace dbs::bench
