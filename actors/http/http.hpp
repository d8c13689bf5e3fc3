// The HTTP manager: health and metrics over TCP, administration over a Unix socket.
#pragma once

#include "dbs/actors/client/database_client.hpp"
#include "dbs/config/settings.hpp"
#include "dbs/messages/health/health.hpp"
#include "dbs/messages/manager/supervisor.hpp"
#include "dbs/runtime/caf/loop_actor.hpp"
#include "dbs/runtime/http/router.hpp"
#include "dbs/runtime/http/server.hpp"
#include "dbs/runtime/observe/log.hpp"
#include "dbs/runtime/observe/metrics.hpp"

#include <atomic>
#include <memory>
#include <string>

namespace dbs {

/// What the HTTP manager needs; shared by its incarnations.
struct http_options {
  http_settings settings;
  supervisor_actor supervisor;
  health_actor health;
  database_client database;
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
/// our own user or as root.
class http_state {
public:
  using actor_type = manager_control_actor;
  static inline const char* name = "dbs.http";

  http_state(loop_actor<actor_type>* self, http_options options);

  actor_type::behavior_type make_behavior();

private:
  using handler = void (http_state::*)(const http_request&, http_responder);

  void get(const std::string& path, handler what);
  void admin(const std::string& method, const std::string& path, handler what);

  caf::error listen();
  caf::result<void> drain();
  health_report health() const;

  void live(const http_request&, http_responder answer);
  void ready(const http_request&, http_responder answer);
  void services_report(const http_request&, http_responder answer);
  void component_report(const http_request& request, http_responder answer);
  void prometheus(const http_request&, http_responder answer);
  void services_metrics(const http_request&, http_responder answer);

  void tree(const http_request&, http_responder answer);
  void stats(const http_request& request, http_responder answer);
  void resize_pool(const http_request& request, http_responder answer);
  void holders(const http_request&, http_responder answer);
  void sql(const http_request& request, http_responder answer);
  void configuration(const http_request&, http_responder answer);

  template <class OnHealth>
  void with_health(http_responder answer, OnHealth on_health);

  loop_actor<actor_type>* self_;
  http_options options_;
  /// Registration mistakes are ours; kept until `start` can say so.
  caf::error broken_;
  http_router routes_;
  std::unique_ptr<http_server> server_;
  bool listening_ = false;
};

/// Spawns the HTTP manager alone.
manager_control_actor spawn_http(event_loop& loop, http_options options);

} // namespace dbs
