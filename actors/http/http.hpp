// The HTTP manager: health and metrics over TCP, administration over a Unix socket.
#pragma once

#include "dbs/actors/client/cache_client.hpp"
#include "dbs/actors/client/database_client.hpp"
#include "dbs/config/settings.hpp"
#include "dbs/messages/health/health.hpp"
#include "dbs/messages/manager/supervisor.hpp"
#include "dbs/runtime/caf/loop_actor.hpp"
#include "dbs/runtime/caf/startup.hpp"
#include "dbs/runtime/http/router.hpp"
#include "dbs/runtime/http/server.hpp"
#include "dbs/runtime/observe/log.hpp"
#include "dbs/runtime/observe/metrics.hpp"
#include "dbs/runtime/resilience/backoff.hpp"

#include <atomic>
#include <memory>
#include <string>
#include <vector>

namespace dbs {

namespace internal {
class cache_routes;
class http_metrics;
} // namespace internal

/// What the HTTP manager needs; shared by its incarnations.
struct http_options {
  http_settings settings;
  supervisor_actor supervisor;
  health_actor health;
  /// By name; that of the default pool is empty.
  std::map<std::string, database_client> databases;
  cache_client cache;
  std::shared_ptr<observe::registry> metrics;
  std::shared_ptr<observe::logger> log;
  /// What `dbsctl config show --node` gets: JSON without secrets.
  std::string configuration;
  /// Set to the port once it is known; a restarted manager takes the same again.
  std::shared_ptr<std::atomic<uint16_t>> port =
      std::make_shared<std::atomic<uint16_t>>(uint16_t{0});
};

/// Owns the listeners and all client connections. Health answers come from the
/// health manager's last round, never from a probe of their own.
///
/// TCP is read-only; what is below /v1 needs the Unix socket, whose clients run as
/// our own user or as root. The two listeners are independent: where one cannot
/// listen, because the port is busy, say, the other serves, and the first is tried
/// again until it can. The manager is ready when both listen.
///
/// Whatever it asks others has a limit, so that neither a manager that hangs nor a
/// client that leaves makes requests pile up here.
class http_state {
public:
  using actor_type = manager_control_actor;
  static inline const char* name = "dbs.http";

  http_state(loop_actor<actor_type>* self, http_options options);
  ~http_state();

  actor_type::behavior_type make_behavior();

private:
  using handler = void (http_state::*)(const http_request&, const http_responder&);

  // -- listeners -----------------------------------------------------------------

  void get(const std::string& path, handler what);
  void admin(const std::string& method, const std::string& path, handler what);
  void admin(const std::string& method, const std::string& path, http_handler what);
  void add(const std::string& method, const std::string& path, http_handler what);

  caf::result<void> start();
  void listen();
  caf::error listen_on_port();
  caf::error listen_on_socket();
  caf::result<void> drain(const call_context& context);
  health_report health() const;

  // -- routes --------------------------------------------------------------------

  void live(const http_request&, const http_responder& answer);
  void ready(const http_request&, const http_responder& answer);
  void services_report(const http_request&, const http_responder& answer);
  void component_report(const http_request& request, const http_responder& answer);
  void prometheus(const http_request&, const http_responder& answer);
  void services_metrics(const http_request&, const http_responder& answer);

  void tree(const http_request&, const http_responder& answer);
  void stats(const http_request& request, const http_responder& answer);
  void resize_pool(const http_request& request, const http_responder& answer);
  void holders(const http_request& request, const http_responder& answer);
  void sql(const http_request& request, const http_responder& answer);
  void configuration(const http_request&, const http_responder& answer);

  /// Answers `not_found`, and returns null, if there is no such pool.
  const database_client* find_pool(const std::string& id, const http_responder& answer) const;

  /// All metrics as text; those of the children are made from the tree.
  std::string metrics_page(const std::vector<child_info>& tree) const;

  template <class OnHealth>
  void with_health(const http_responder& answer, OnHealth on_health);

  loop_actor<actor_type>* self_;
  http_options options_;
  std::unique_ptr<internal::http_metrics> metrics_;
  std::unique_ptr<internal::cache_routes> cache_;
  http_router routes_;
  std::unique_ptr<http_server> server_;

  startup startup_;
  backoff backoff_;
  timer_queue::timer_id retry_;
  /// Why the last attempt to listen failed, in part or altogether.
  caf::error problem_;
  bool started_ = false;
  bool draining_ = false;
  bool on_port_ = false;
  bool on_socket_ = false;
};

/// Spawns the HTTP manager alone. It listens when it is told to start.
manager_control_actor spawn_http(event_loop& loop, http_options options);

} // namespace dbs
