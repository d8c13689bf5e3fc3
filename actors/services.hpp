// The composition root: builds all managers, supervised, inside the host's actor
// system, and hands out their clients.
//
//     dbs::init(); // once, before the actor system
//     caf::actor_system system{config};
//     auto services = dbs::create_database_services(system, options);
//     if (!services || services->initialize(30s)) ...
#pragma once

#include "dbs/actors/client/cache_client.hpp"
#include "dbs/actors/client/database_client.hpp"
#include "dbs/actors/client/health_client.hpp"
#include "dbs/actors/client/listener_client.hpp"
#include "dbs/actors/client/redis_client.hpp"
#include "dbs/config/load.hpp"
#include "dbs/messages/manager/supervisor.hpp"
#include "dbs/runtime/observe/metrics.hpp"

#include <caf/actor_system.hpp>
#include <caf/expected.hpp>

#include <memory>
#include <string>

namespace dbs {

struct services_options {
  /// What `load_settings` returned.
  loaded_settings configuration;
  /// Listen for HTTP and for dbsctl, as `dbsd` does. A host may well have listeners
  /// of its own, and two instances need addresses that differ.
  bool serve_http = false;
};

/// One instance of all services. A small handle: copies share the instance, and the
/// last copy shuts it down, which blocks: let it go on a thread of yours, not in an
/// actor. All copies must be gone, or `shutdown()` called, before the actor system is
/// destroyed, which would otherwise wait for the managers.
///
/// Nothing here is process-global: two instances in one process do not meet.
class database_services {
public:
  /// The pool of `[database]`.
  database_client database() const;

  /// The pool of `[databases.NAME]`. `not_found` if no database has this name.
  caf::expected<database_client> database(const std::string& name) const;

  /// Notifications of the database of `[database]`; named ones have no listener.
  listener_client listener() const;
  redis_client redis() const;
  cache_client cache() const;
  health_client health() const;

  /// The tree, for tools: children, states, statistics, resizing. Valid for the life
  /// of the services.
  supervisor_actor supervisor() const;

  /// Where this instance counts; hosts may register metrics of their own.
  observe::registry& metrics() const;

  const loaded_settings& configuration() const;

  /// Waits until every manager has been ready. The error says which is not, and
  /// why. Blocks; not for actors.
  caf::error initialize(caf::timespan timeout) const;

  /// The port HTTP listens on; 0 before it listens.
  uint16_t http_port() const;

  /// Where dbsctl connects; empty if HTTP is left out.
  std::string socket_path() const;

  /// Drains and stops all managers in reverse order of their start, then the loops.
  /// Blocks. Idempotent. Clients answer `draining` from then on.
  void shutdown() const;

  struct impl;
  explicit database_services(std::shared_ptr<impl> ptr) : impl_(std::move(ptr)) {}

private:
  friend class services_registry;

  std::shared_ptr<impl> impl_;
};

/// Builds and starts a new instance. Does not wait: the managers start by
/// themselves, also when PostgreSQL or Redis is away. Fails with `config_invalid` or
/// `invalid_argument` only.
caf::expected<database_services> create_database_services(caf::actor_system& system,
                                                          services_options options);

/// The instance that is shared in `system` under `mode`: made from the environment
/// by the first caller, and living as long as somebody holds a copy and nobody has
/// shut it down. Without `mode` it is the environment's. Does not serve HTTP.
caf::expected<database_services> get_database_services(caf::actor_system& system,
                                                       const std::string& mode = {});

/// The instance that `get_database_services(system, ...)` shares in this process.
/// `not_found` if there is none, `invalid_argument` if there are several.
caf::expected<database_services> get_database_services();

} // namespace dbs
