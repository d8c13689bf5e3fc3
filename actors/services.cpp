#include "dbs/actors/services.hpp"

#include "dbs/actors/cache/cache_children.hpp"
#include "dbs/actors/health/health.hpp"
#include "dbs/actors/http/http.hpp"
#include "dbs/actors/postgres_listener/postgres_listener.hpp"
#include "dbs/actors/postgres_pool/pool_id.hpp"
#include "dbs/actors/postgres_pool/postgres_pool.hpp"
#include "dbs/actors/redis/redis.hpp"
#include "dbs/actors/supervisor/supervisor.hpp"
#include "dbs/config/database_name.hpp"
#include "dbs/config/socket_path.hpp"
#include "dbs/config/validation.hpp"
#include "dbs/messages/error_detail.hpp"
#include "dbs/runtime/caf/front.hpp"
#include "dbs/runtime/observe/configuration.hpp"
#include "dbs/runtime/observe/log.hpp"
#include "dbs/runtime/postgres/libpq_connection.hpp"

#include <algorithm>
#include <atomic>
#include <iterator>
#include <map>
#include <mutex>
#include <set>
#include <utility>
#include <vector>

namespace dbs {

namespace {

/// Longer than all drain timeouts together: only a bug reaches it.
constexpr caf::timespan shutdown_limit = std::chrono::seconds{60};

} // namespace

// -- the instance ------------------------------------------------------------------

struct database_services::impl {
  impl(caf::actor_system& sys, services_options what, std::shared_ptr<observe::logger> logger)
      : system(sys), options(std::move(what)), log(std::move(logger)),
        cache(options.configuration.values.cache),
        sockets(sys, "dbs.sockets", event_loop::drive::lent), control(sys, "dbs.control") {}

  impl(const impl&) = delete;
  impl& operator=(const impl&) = delete;

  ~impl() { stop(); }

  caf::error start();
  void stop();

  supervisor_actor public_supervisor() const {
    return caf::actor_cast<supervisor_actor>(supervisor_front);
  }

  caf::strong_actor_ptr& front_of(const std::string& id) {
    auto& result = fronts[id];
    if (!result)
      result = front::make(system, id);
    return result;
  }

  database_client database(const std::string& name) const {
    return database_client{caf::actor_cast<postgres_pool_actor>(fronts.at(pool_id(name)))};
  }

  cache_client cache_of_clients() const {
    return {caf::actor_cast<cache_actor>(fronts.at("cache")), cache.memory()};
  }

  child_spec pool_spec(const std::string& name);
  child_spec listener_spec();
  child_spec redis_spec();
  child_spec health_spec();
  child_spec http_spec();

  caf::actor_system& system;
  services_options options;
  std::shared_ptr<observe::registry> metrics = std::make_shared<observe::registry>();
  std::shared_ptr<observe::logger> log;
  std::shared_ptr<std::atomic<uint16_t>> port =
      std::make_shared<std::atomic<uint16_t>>(uint16_t{0});
  std::shared_ptr<std::atomic<bool>> all_were_ready = std::make_shared<std::atomic<bool>>(false);
  std::map<std::string, caf::strong_actor_ptr> fronts;
  /// Who listens to what: touched by the listener, and when all loops have stopped.
  std::shared_ptr<listener_subscriptions> subscriptions =
      std::make_shared<listener_subscriptions>();
  cache_children cache;
  /// The traffic of PostgreSQL, of all pools, and of Redis: an idle worker waits for one loop
  /// at a time, and would serve those of another one by a detour.
  event_loop sockets;
  /// Everybody else, the supervisor among them.
  event_loop control;
  supervisor_actor supervisor;
  /// What everybody else holds of the supervisor.
  caf::strong_actor_ptr supervisor_front = front::make(system, "supervisor");
  std::mutex stop_mutex;
  std::atomic<bool> stopped = false; // written under stop_mutex
};

child_spec database_services::impl::pool_spec(const std::string& name) {
  child_spec spec;
  spec.id = pool_id(name);
  spec.front = front_of(spec.id);
  spec.spawn = [this, name, id = spec.id]() -> manager_control_actor {
    auto& settings = database_of(options.configuration.values, name);
    return spawn_postgres_pool(sockets, {id, settings, metrics, log, {}});
  };
  return spec;
}

child_spec database_services::impl::listener_spec() {
  child_spec spec;
  spec.id = "postgres_listener";
  spec.front = front_of(spec.id);
  spec.spawn = [this]() -> manager_control_actor {
    return spawn_postgres_listener(sockets, {"postgres_listener",
                                             options.configuration.values.database,
                                             metrics,
                                             log,
                                             {},
                                             subscriptions,
                                             {}});
  };
  return spec;
}

child_spec database_services::impl::redis_spec() {
  child_spec spec;
  spec.id = "redis";
  spec.front = front_of(spec.id);
  spec.spawn = [this]() -> manager_control_actor {
    return spawn_redis(sockets,
                       {options.configuration.values.redis, metrics, log, {}, cache.redis()});
  };
  return spec;
}

child_spec database_services::impl::health_spec() {
  child_spec spec;
  spec.id = "health";
  spec.dependencies = {"postgres_listener", "redis", "cache"};
  spec.front = front_of(spec.id);
  // Redis has a fallback, so its absence only degrades.
  std::set<std::string> critical;
  auto& values = options.configuration.values;
  for (auto& name : database_names(values)) {
    spec.dependencies.push_back(pool_id(name));
    if (database_of(values, name).critical)
      critical.insert(pool_id(name));
  }
  spec.spawn = [this, critical]() -> manager_control_actor {
    return spawn_health(control, public_supervisor(),
                        {options.configuration.values.health, critical, all_were_ready});
  };
  return spec;
}

child_spec database_services::impl::http_spec() {
  child_spec spec;
  spec.id = "http";
  spec.dependencies = {"health"};
  spec.front = front_of(spec.id);
  std::map<std::string, database_client> databases;
  for (auto& name : database_names(options.configuration.values))
    databases.emplace(name, database(name));
  spec.spawn = [this, databases]() -> manager_control_actor {
    return spawn_http(control, {options.configuration.values.http, public_supervisor(),
                                caf::actor_cast<health_actor>(front_of("health")), databases,
                                cache_of_clients(), metrics, log,
                                observe::configuration_json(options.configuration), port});
  };
  return spec;
}

caf::error database_services::impl::start() {
  std::vector<child_spec> children;
  for (auto& name : database_names(options.configuration.values))
    children.push_back(pool_spec(name));
  children.push_back(listener_spec());
  children.push_back(redis_spec());
  auto of_cache = cache.specs(
      {options.configuration.values.cache, sockets, control, database("").actor(), metrics, log},
      [this](const std::string& id) { return front_of(id); });
  std::move(of_cache.begin(), of_cache.end(), std::back_inserter(children));
  children.push_back(health_spec());
  if (options.serve_http)
    children.push_back(http_spec());
  auto sorted = supervisor_state::start_order(std::move(children));
  if (!sorted)
    return std::move(sorted.error());
  supervisor = spawn_supervisor(control, std::move(*sorted), log);
  front::of(supervisor_front).up(caf::actor_cast<caf::strong_actor_ptr>(supervisor));
  return {};
}

void database_services::impl::stop() {
  std::unique_lock guard{stop_mutex};
  if (stopped.exchange(true))
    return;
  if (supervisor) {
    caf::scoped_actor self{system};
    mail(self, shutdown_atom_v, call_context{})
        .request(supervisor, shutdown_limit)
        .receive([] {},
                 [this](const caf::error& reason) {
                   log->log("services", observe::log_level::error, "shutdown did not finish",
                            {{"reason", describe(reason)}});
                 });
    front::of(supervisor_front).close();
    caf::anon_send_exit(supervisor, caf::exit_reason::user_shutdown);
    self->wait_for(supervisor);
    supervisor = nullptr;
  }
  sockets.stop();
  control.stop();
  subscriptions->clear(); // lets go of the sinks
  log->flush();
}

// -- the handle --------------------------------------------------------------------

database_client database_services::database() const {
  return impl_->database("");
}

caf::expected<database_client> database_services::database(const std::string& name) const {
  auto& databases = configuration().values.databases;
  if (databases.contains(name))
    return impl_->database(name);
  std::string known;
  for (auto& [other, settings] : databases)
    known += (known.empty() ? "; there are " : ", ") + other;
  return fail(errc::not_found, "no database is named '" + name + "'" + known, {{"database", name}});
}

listener_client database_services::listener() const {
  return listener_client{
      caf::actor_cast<postgres_listener_actor>(impl_->fronts.at("postgres_listener"))};
}

redis_client database_services::redis() const {
  return redis_client{caf::actor_cast<redis_actor>(impl_->fronts.at("redis"))};
}

cache_client database_services::cache() const {
  return impl_->cache_of_clients();
}

health_client database_services::health() const {
  return health_client{caf::actor_cast<health_actor>(impl_->fronts.at("health"))};
}

supervisor_actor database_services::supervisor() const {
  return impl_->public_supervisor();
}

observe::registry& database_services::metrics() const {
  return *impl_->metrics;
}

const loaded_settings& database_services::configuration() const {
  return impl_->options.configuration;
}

caf::error database_services::initialize(caf::timespan timeout) const {
  caf::scoped_actor self{impl_->system};
  call_options options;
  options.timeout = timeout;
  auto ready = blocking_ask<void>(self, options, supervisor(), ready_atom_v);
  if (!ready)
    return ready.error();
  // So that whoever asks for the health next sees what has just been reached.
  auto fresh = blocking_ask<services_health>(self, options, health().actor(), refresh_atom_v);
  return fresh ? caf::error{} : std::move(fresh.error());
}

uint16_t database_services::http_port() const {
  return impl_->port->load();
}

std::string database_services::socket_path() const {
  return impl_->options.serve_http ? impl_->options.configuration.values.http.socket : "";
}

void database_services::shutdown() const {
  impl_->stop();
}

// -- making and sharing ------------------------------------------------------------

caf::expected<database_services> create_database_services(caf::actor_system& system,
                                                          services_options options) {
  if (auto refused = validate_settings(options.configuration.values))
    return refused;
  // The table of the third level could not be made there, nor written.
  if (options.configuration.values.database.read_only)
    options.configuration.values.cache.l3_enabled = false;
  auto& socket = options.configuration.values.http.socket;
  if (socket.empty())
    socket = default_socket_path();
  postgres::look_up_process_defaults();
  auto log = observe::logger::make(options.configuration.values.log);
  if (!log)
    return std::move(log.error());
  auto result =
      std::make_shared<database_services::impl>(system, std::move(options), std::move(*log));
  if (auto reason = result->start())
    return reason;
  return database_services{std::move(result)};
}

/// Who shares what. The one thing that is global to the process: the runbook's
/// `get_database_services()` has no argument that could say where to look. It keeps
/// nothing alive.
class services_registry {
public:
  static services_registry& instance() {
    static services_registry result;
    return result;
  }

  caf::expected<database_services> get(caf::actor_system& system, const std::string& mode) {
    config_sources sources;
    sources.environment = read_process_environment();
    sources.mode = mode;
    auto configuration = load_settings(sources);
    if (!configuration)
      return std::move(configuration.error());
    auto key = std::pair{&system, configuration->values.mode};
    std::unique_lock guard{mutex_};
    std::erase_if(shared_, [](const auto& entry) { return entry.second.expired(); });
    if (auto existing = living(key))
      return database_services{std::move(existing)};
    auto made = create_database_services(system, {std::move(*configuration)});
    if (made)
      shared_[key] = made->impl_;
    return made;
  }

  caf::expected<database_services> only() {
    // Outlives the lock: the last copy of an instance must not go under it.
    std::vector<std::shared_ptr<database_services::impl>> all;
    {
      std::unique_lock guard{mutex_};
      for (auto& entry : shared_)
        if (auto existing = living(entry.first))
          all.push_back(std::move(existing));
    }
    if (all.empty())
      return fail(errc::not_found,
                  "nobody has called get_database_services(system, mode) in this process");
    if (all.size() > 1)
      return fail(errc::invalid_argument,
                  "this process shares several instances: name the system and the mode");
    return database_services{std::move(all.front())};
  }

private:
  using key_type = std::pair<caf::actor_system*, std::string>;

  /// The instance behind `key` unless it is gone or has been shut down.
  std::shared_ptr<database_services::impl> living(const key_type& key) const {
    auto i = shared_.find(key);
    auto result = i != shared_.end() ? i->second.lock() : nullptr;
    return result && !result->stopped ? result : nullptr;
  }

  std::mutex mutex_;
  std::map<key_type, std::weak_ptr<database_services::impl>> shared_; // guarded by mutex_
};

caf::expected<database_services> get_database_services(caf::actor_system& system,
                                                       const std::string& mode) {
  return services_registry::instance().get(system, mode);
}

caf::expected<database_services> get_database_services() {
  return services_registry::instance().only();
}

} // namespace dbs
