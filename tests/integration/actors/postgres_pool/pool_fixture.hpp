// A pool manager in front of a real PostgreSQL server, for the tests beside this.
#pragma once

#include "dbs/actors/client/database_client.hpp"
#include "dbs/actors/postgres_pool/postgres_pool.hpp"
#include "dbs/runtime/caf/front.hpp"
#include "dbs/runtime/caf/program_config.hpp"
#include "dbs/testing/eventually.hpp"
#include "dbs/testing/fixture/silent_logger.hpp"
#include "dbs/testing/servers/private_postgres.hpp"

#include <caf/actor_system.hpp>

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <string>

namespace dbs::tests {

using namespace std::chrono_literals;

/// The server, the system, the loop and the manager, as dbsd has them, stopped in the
/// right order.
class pool_fixture {
public:
  explicit pool_fixture(testing::private_postgres_options server_options = {})
      : server(std::move(server_options)), system(config),
        loop(system, "test", event_loop::drive::lent) {
    settings.target.hosts = {{"127.0.0.1", server.port()}};
    settings.target.user = server.options().superuser;
    settings.target.password = secret{server.options().password};
    settings.target.dbname = server.options().database;
    settings.pool_size = 4;
    settings.min_idle = 0;
    settings.acquire_timeout = 5s;
  }

  ~pool_fixture() {
    if (pool) {
      caf::anon_send_exit(pool, caf::exit_reason::user_shutdown);
      pool = nullptr;
    }
    database_.reset();
    system.await_all_actors_done();
    loop.stop();
  }

  /// Spawns the manager and waits for its first probe.
  void start() {
    pool = spawn_postgres_pool(loop, {"postgres_pool",
                                      settings,
                                      std::make_shared<observe::registry>(),
                                      testing::make_silent_logger(),
                                      {}});
    caf::scoped_actor self{system};
    self->request(pool, 30s, start_atom_v, call_context{})
        .receive([] {}, [](const caf::error& reason) { FAIL(describe(reason)); });
  }

  database_client client() const { return database_client{pool}; }

  /// A blocking client of the test's own thread.
  blocking_database& database() {
    if (!database_)
      database_.emplace(client().within(20s).sync(system));
    return *database_;
  }

  pool_stats stats() {
    auto result = database().stats();
    REQUIRE(result);
    return *result;
  }

  int64_t counter(const std::string& name) {
    for (auto& x : stats().counters)
      if (x.name == name)
        return std::get<int64_t>(x.value);
    return 0;
  }

  /// One value from a query on the pool.
  template <class T, class... Ts>
  T value(const std::string& sql, const Ts&... params) {
    auto rows = database().execute(sql, params...);
    INFO(sql << ": " << (rows ? "" : describe(rows.error())));
    REQUIRE(rows);
    REQUIRE(rows->rows() == 1);
    auto result = rows->row(0).template get<T>(0);
    REQUIRE(result);
    return *result;
  }

  /// Connections of the pool, as the server counts them.
  int server_connections() {
    return std::stoi(
        server.psql("select count(*) from pg_stat_activity where application_name = 'dbs'"));
  }

  testing::private_postgres server;
  database_settings settings;
  program_config config;
  caf::actor_system system;
  event_loop loop;
  postgres_pool_state::actor_type pool;

private:
  std::optional<blocking_database> database_;
};

} // namespace dbs::tests
