// The manager of LISTEN: translates messages for the listener's logic, and carries
// events to those who listen.
#pragma once

#include "dbs/config/settings.hpp"
#include "dbs/messages/manager/control.hpp"
#include "dbs/messages/postgres/listener.hpp"
#include "dbs/runtime/caf/loop_actor.hpp"
#include "dbs/runtime/caf/owner_watch.hpp"
#include "dbs/runtime/caf/reply_slab.hpp"
#include "dbs/runtime/caf/startup.hpp"
#include "dbs/runtime/observe/log.hpp"
#include "dbs/runtime/observe/metrics.hpp"
#include "dbs/runtime/postgres/actor_environment.hpp"
#include "dbs/runtime/postgres/listener_core.hpp"

#include <caf/actor.hpp>

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>

namespace dbs {

namespace internal {
struct listener_metrics;
} // namespace internal

/// Who listens to what. Outlives the incarnations of the listener, so that the next one
/// goes on where the one before has died.
using listener_subscriptions = std::map<caf::actor, std::set<std::string>>;

/// What the listener needs; everything is shared by its incarnations.
struct postgres_listener_options {
  /// The child's id.
  std::string id = "postgres_listener";
  database_settings settings;
  std::shared_ptr<observe::registry> metrics;
  std::shared_ptr<observe::logger> log;
  postgres::listener_limits limits;
  /// Used by the incarnation that lives, in the turns of its loop.
  std::shared_ptr<listener_subscriptions> subscriptions =
      std::make_shared<listener_subscriptions>();
  /// Makes the connection; tests script it. Empty for libpq.
  std::function<postgres::connection_ptr(postgres::connection_environment&,
                                         postgres::connection_observer&)>
      make_connection;
};

/// Owns the listener's logic and, through it, one connection beside the pool. An unused
/// listener has none, and is ready at once.
///
/// Holds its sinks until their last subscription ends. When it dies, requests that wait
/// are answered `restarted`; the next incarnation listens to the same channels, and the
/// sinks hear of a gap.
class postgres_listener_state : private postgres::listener_owner {
public:
  using actor_type = postgres_listener_actor::extend_with<manager_control_actor>;
  static inline const char* name = "dbs.postgres_listener";

  postgres_listener_state(loop_actor<actor_type>* self, postgres_listener_options options);

  ~postgres_listener_state() override;

  actor_type::behavior_type make_behavior();

private:
  using owner_id = postgres::owner_id;
  using request_token = postgres::request_token;

  caf::result<void> listen(const call_context& context, const std::string& channel);
  caf::result<void> unlisten(const std::string& channel);
  caf::result<void> start();
  caf::result<void> drain();
  health_report health() const;
  std::vector<field> fields() const;
  void publish();

  // -- what the logic tells ----------------------------------------------------------

  void on_done(request_token token, caf::error reason) override;
  void on_subscribed(owner_id sink, const std::string& channel) override;
  void on_unsubscribed(owner_id sink, const std::string& channel) override;
  void on_sink_gone(owner_id sink) override;
  void on_event(owner_id sink, const pg_event& event) override;
  void on_dropped(owner_id sink, bool first) override;
  void on_notification() override;
  void on_notice(postgres::listener_event event, const postgres::connection& conn,
                 const caf::error& reason) override;
  void on_heartbeat(caf::timespan took) override;

  void on_answer(owner_id sink, const caf::error& reason);
  std::string sink_name(owner_id sink) const;

  loop_actor<actor_type>* self_;
  postgres_listener_options options_;
  std::unique_ptr<internal::listener_metrics> metrics_;
  postgres::actor_environment<loop_actor<actor_type>> environment_;
  internal::reply_slab<void> replies_;
  startup startup_;
  owner_watch<loop_actor<actor_type>> owners_;
  std::unordered_map<owner_id, caf::actor> sinks_;

  // Last, so that it goes first: it closes the connection, which uses the above.
  postgres::listener_core core_;
};

/// Spawns the listener on `loop`. It connects when somebody listens.
postgres_listener_state::actor_type spawn_postgres_listener(event_loop& loop,
                                                            postgres_listener_options options);

} // namespace dbs
