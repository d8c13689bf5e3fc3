// Everything that can be set, with its default. docs/configuration.md is checked
// against this file by a test.
#pragma once

#include "dbs/config/secret.hpp"

#include <caf/timespan.hpp>

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace dbs {

/// A server address. `host` starts with '/' for the directory of a Unix socket.
struct host_port {
  std::string host;
  uint16_t port = 0;

  friend bool operator==(const host_port&, const host_port&) = default;
};

/// What DATABASE_URL says, in libpq's terms.
struct database_target {
  /// Tried in this order.
  std::vector<host_port> hosts;
  std::string user;
  secret password;
  std::string dbname;
  /// Further libpq keywords such as sslmode, sslrootcert, application_name, options.
  std::vector<std::pair<std::string, std::string>> parameters;
  /// Arguments of the URL that are settings of ours. `load_settings` has copied
  /// them to `database_settings`, unless a source named the setting itself: what
  /// counts is there.
  std::optional<caf::timespan> connect_timeout;
  std::optional<caf::timespan> statement_timeout;
  std::optional<uint32_t> statement_cache;

  friend bool operator==(const database_target&, const database_target&) = default;
};

/// What REDIS_URL says.
struct redis_target {
  host_port address;
  bool tls = false;
  std::string user;
  secret password;
  uint32_t db = 0;

  friend bool operator==(const redis_target&, const redis_target&) = default;
};

struct database_settings {
  /// DATABASE_URL; no default outside development mode.
  database_target target;
  /// Connections that are kept.
  uint32_t pool_size = 20;
  /// Connections beyond that, closed when they come back.
  uint32_t max_overflow = 0;
  /// Connections that are opened in advance and kept open when idle.
  uint32_t min_idle = 2;
  /// How long a request waits for a connection.
  caf::timespan acquire_timeout = std::chrono::seconds{30};
  /// How many requests may wait; 0 means ten times the pool size with overflow.
  uint32_t max_waiting = 0;
  /// Of the connections, how many may run shared statements; 0 shares none.
  uint32_t shared_connections = 4;
  /// A statement that took longer shares no connection until it is quick again.
  caf::timespan shared_slow = std::chrono::milliseconds{50};
  /// For one host, from the first packet to a usable session.
  caf::timespan connect_timeout = std::chrono::seconds{5};
  /// The server's statement_timeout for every session; 0 leaves the server's own.
  caf::timespan statement_timeout = std::chrono::seconds{0};
  /// How long a connection lives, shortened at random by up to `lifetime_jitter`.
  caf::timespan max_lifetime = std::chrono::minutes{30};
  double lifetime_jitter = 0.1;
  /// Idle connections above `min_idle` are closed after this time.
  caf::timespan idle_timeout = std::chrono::minutes{10};
  /// How long a clean-up (rollback, reset, cancel) may take before the connection
  /// is closed instead.
  caf::timespan cleanup_timeout = std::chrono::seconds{2};
  /// Resets the session on every return, not only when it looks dirty.
  bool strict_reset = false;
  /// The servers are poolers that lend a session for a transaction at a time, such as
  /// PgBouncer with pool_mode = transaction: nothing is prepared by name, nothing is
  /// asked for at login, and what would stay in a session is refused.
  bool transaction_pooler = false;
  /// Prepared statements kept per connection; 0 prepares nothing.
  uint32_t statement_cache = 200;
  /// A lease held for longer is reported as a leak.
  caf::timespan leak_threshold = std::chrono::seconds{10};
  /// Transactions are read-only unless they ask for more: a guard against mistakes.
  bool read_only = false;
  /// Without this database the services are unhealthy and not ready; without another
  /// one they are degraded.
  bool critical = true;
};

struct redis_settings {
  /// REDIS_URL; no default outside development mode.
  redis_target target;
  /// A PEM file with the authorities that may have signed the server's certificate
  /// (rediss://). Empty trusts the system's.
  std::string ca_file;
  uint32_t pool_min = 5;
  uint32_t pool_max = 50;
  caf::timespan connect_timeout = std::chrono::seconds{2};
  caf::timespan command_timeout = std::chrono::seconds{1};
};

struct cache_settings {
  /// Entries of the in-memory level.
  uint32_t l1_size = 1000;
  /// Its memory: values, keys and everything that goes with them.
  uint32_t l1_mib = 64;
  /// How long a value in memory is served without asking the next level again: what another
  /// process changes is seen within this time.
  caf::timespan l1_ttl = std::chrono::seconds{10};
  /// How long a value is fresh if whoever puts it does not say.
  caf::timespan l2_ttl = std::chrono::seconds{300};
  /// Times to live are shortened at random by up to this part of them.
  double ttl_jitter = 0.1;
  /// How long a read waits for Redis before the next level is asked.
  caf::timespan l2_timeout = std::chrono::milliseconds{5};
  /// What all keys in Redis begin with.
  std::string l2_prefix = "dbs";
  /// Means nothing where `database.read_only` is on.
  bool l3_enabled = true;
  /// How long a read waits for the table in PostgreSQL.
  caf::timespan l3_timeout = std::chrono::seconds{1};
  /// The table, in the schema that the search path names first unless it says which.
  std::string l3_table = "dbs_cache";
  uint32_t max_value_bytes = 16 * 1024 * 1024;
  /// How long a loader may take.
  caf::timespan load_timeout = std::chrono::seconds{10};
  /// Loaders that run at a time; more wait.
  uint32_t max_loads = 64;
};

struct http_settings {
  /// Loopback unless configured; another address needs authentication, which does
  /// not exist yet, and is refused.
  std::string address = "127.0.0.1";
  /// 0 takes a free port.
  uint16_t port = 8000;
  /// Where dbsctl connects; empty for the default below XDG_RUNTIME_DIR or /tmp.
  std::string socket;
  uint32_t max_connections = 256;
  caf::timespan request_timeout = std::chrono::seconds{10};
  uint32_t max_request_bytes = 65536;
};

struct health_settings {
  /// How often the managers are asked; answers over HTTP come from the last round.
  caf::timespan interval = std::chrono::seconds{1};
};

struct log_settings {
  /// trace, debug, info, warning, error or off.
  std::string level = "info";
  /// text or json.
  std::string format = "text";
  /// Empty logs to standard error.
  std::string file;
  uint32_t max_file_mib = 64;
  uint32_t max_files = 5;
};

struct settings {
  /// The preset that was chosen: empty, or one of mcp_server, ml_training, admin,
  /// async_modern, ha.
  std::string mode;
  database_settings database;
  /// Further ones by name (database_name.hpp), each with a pool of its own. They take
  /// nothing from `database`.
  std::map<std::string, database_settings> databases;
  redis_settings redis;
  cache_settings cache;
  http_settings http;
  health_settings health;
  log_settings log;
};

} // namespace dbs
