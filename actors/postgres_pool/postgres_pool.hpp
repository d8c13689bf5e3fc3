// The manager of one PostgreSQL pool: translates messages for the pool's logic and
// gives it a loop, timers and libpq.
#pragma once

#include "dbs/actors/postgres_pool/pool_metrics.hpp"
#include "dbs/config/settings.hpp"
#include "dbs/messages/manager/control.hpp"
#include "dbs/messages/postgres/pool.hpp"
#include "dbs/runtime/caf/loop_actor.hpp"
#include "dbs/runtime/caf/owner_watch.hpp"
#include "dbs/runtime/caf/reply_slab.hpp"
#include "dbs/runtime/caf/startup.hpp"
#include "dbs/runtime/observe/log.hpp"
#include "dbs/runtime/observe/metrics.hpp"
#include "dbs/runtime/postgres/actor_environment.hpp"
#include "dbs/runtime/postgres/pool_core.hpp"

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

namespace dbs {

/// What a pool manager needs; everything is shared by its incarnations.
struct postgres_pool_options {
  /// The child's id, and the label of its metrics.
  std::string id = "postgres_pool";
  database_settings settings;
  std::shared_ptr<observe::registry> metrics;
  std::shared_ptr<observe::logger> log;
  /// Makes connections; tests script them. Empty for libpq.
  std::function<postgres::connection_ptr(postgres::connection_environment&,
                                         postgres::connection_observer&)>
      make_connection;
};

/// Owns the pool's logic and, through it, all connections. When it dies, the
/// connections close, leases end (the server rolls back), open requests are
/// answered `restarted`.
///
/// Probes the server with a statement of its own in every second in which no statement
/// has succeeded, so that a server that hangs is noticed when nobody asks for anything.
class postgres_pool_state : private postgres::pool_client, private postgres::pool_listener {
public:
  using actor_type = postgres_pool_actor::extend_with<manager_control_actor>;
  static inline const char* name = "dbs.postgres_pool";

  postgres_pool_state(loop_actor<actor_type>* self, postgres_pool_options options);

  ~postgres_pool_state() override;

  actor_type::behavior_type make_behavior();

private:
  using owner_id = postgres::owner_id;
  using request_token = postgres::request_token;

  /// The sender of the current message, watched from now on; 0 if there is none.
  owner_id watched_sender();
  owner_id sender_id() const;

  caf::result<pg_result> execute(const call_context& context, pg_statement statement);
  caf::result<pg_result> execute(const call_context& context, pg_lease_statement statement);
  caf::result<std::vector<pg_result>> execute(const call_context& context, pg_batch batch);
  caf::result<pg_chunk> transfer(const call_context& context, pg_transfer step);
  caf::result<pg_lease> checkout(const call_context& context, const pg_checkout& request);
  std::vector<pg_holder> holders() const;
  pool_stats report() const;

  caf::result<void> start();
  caf::result<void> drain(const call_context& context);
  health_report health() const;
  caf::result<void> resize(const resize_request& request);

  /// Runs `call(token)` with a fresh token whose answer goes to the current sender.
  template <class Call>
  caf::result<void> with_reply(Call call);

  void tick();
  void on_probed(caf::error reason);

  // -- the pool's answers and events ------------------------------------------------

  void on_result(request_token token, caf::expected<pg_result> result) override;
  void on_results(request_token token, caf::expected<std::vector<pg_result>> results) override;
  void on_chunk(request_token token, caf::expected<pg_chunk> chunk) override;
  void on_lease(request_token token, caf::expected<pg_lease> lease) override;
  void on_done(request_token token, caf::error reason) override;
  void on_ready() override;
  void on_first_failure(const caf::error& reason) override;
  void on_drained() override;
  void on_notice(const postgres::pool_notice& notice) override;
  void record_acquire(caf::timespan duration) override;
  void record_query(caf::timespan duration) override;
  void record_hold(caf::timespan duration) override;

  /// The token of the probe, which nobody waits for.
  static constexpr request_token probe_token = ~request_token{0};

  loop_actor<actor_type>* self_;
  postgres_pool_options options_;
  internal::pool_metrics metrics_;
  postgres::actor_environment<loop_actor<actor_type>> environment_;

  internal::reply_slab<pg_result> results_;
  internal::reply_slab<std::vector<pg_result>> batches_;
  internal::reply_slab<pg_chunk> chunks_;
  internal::reply_slab<pg_lease> leases_;
  internal::reply_slab<void> acknowledgements_;
  startup startup_;
  std::vector<reply<void>> waiting_for_drain_;
  owner_watch<loop_actor<actor_type>> owners_;
  std::unordered_map<owner_id, std::string> owner_names_;

  bool started_ = false;
  bool probing_ = false;
  /// Why the last probe failed; empty if it, or a statement since, has succeeded.
  caf::error probe_error_;
  /// When a probe has succeeded last.
  postgres::pool_core::time_point probed_;

  // Last, so that it goes first: it closes the connections, which use the above.
  std::unique_ptr<postgres::pool_core> core_;
};

/// Spawns a pool manager alone, without a supervisor.
postgres_pool_state::actor_type spawn_postgres_pool(event_loop& loop,
                                                    postgres_pool_options options);

} // namespace dbs
