#include "dbs/config/setting_table.hpp"

#include "dbs/config/database_name.hpp"
#include "dbs/config/internal/url_text.hpp"
#include "dbs/config/modes.hpp"

#include <algorithm>
#include <array>
#include <chrono>

namespace dbs {

namespace {

using namespace std::chrono_literals;

constexpr std::array<std::string_view, 6> log_levels{"trace",   "debug", "info",
                                                     "warning", "error", "off"};
constexpr std::array<std::string_view, 2> log_formats{"text", "json"};

/// The member `Member` of the group `Group`, as a function.
template <auto Group, auto Member>
auto& get(settings& values) {
  return values.*Group.*Member;
}

template <auto Group, auto Member>
setting_type flag() {
  return boolean_setting{&get<Group, Member>};
}

template <auto Group, auto Member>
setting_type integer(uint32_t min, uint32_t max) {
  return integer_setting{&get<Group, Member>, min, max};
}

template <auto Group, auto Member>
setting_type number(double min, double max) {
  return number_setting{&get<Group, Member>, min, max};
}

template <auto Group, auto Member>
setting_type duration(caf::timespan min, caf::timespan max) {
  return duration_setting{&get<Group, Member>, min, max};
}

template <auto Group, auto Member>
setting_type choice(std::span<const std::string_view> choices) {
  return choice_setting{&get<Group, Member>, choices};
}

template <auto Group, auto Member>
setting_type text(bool (*accepts)(std::string_view), std::string_view allowed) {
  return text_setting{&get<Group, Member>, accepts, allowed};
}

std::string& mode_member(settings& values) {
  return values.mode;
}

// -- rules for text ----------------------------------------------------------------

/// Everything else would be reachable without authentication. Names are not looked
/// up: what they stand for is not ours to say.
bool is_loopback(std::string_view text) {
  return text == "::1" || (internal::is_ipv4(text) && text.starts_with("127."));
}

bool is_path(std::string_view text) {
  return text.size() < 4096 && text.find('\0') == std::string_view::npos;
}

/// What fits into a `sockaddr_un` with its terminating null.
bool is_key_prefix(std::string_view text) {
  constexpr std::string_view allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                       "0123456789._-:";
  return !text.empty() && text.size() <= 64 &&
         text.find_first_not_of(allowed) == std::string_view::npos;
}

bool is_sql_name(std::string_view text) {
  constexpr std::string_view letters = "abcdefghijklmnopqrstuvwxyz_";
  constexpr std::string_view allowed = "abcdefghijklmnopqrstuvwxyz_0123456789";
  return !text.empty() && text.size() <= 48 &&
         letters.find(text.front()) != std::string_view::npos &&
         text.find_first_not_of(allowed) == std::string_view::npos;
}

bool is_table_name(std::string_view text) {
  auto dot = text.find('.');
  if (dot == std::string_view::npos)
    return is_sql_name(text);
  return is_sql_name(text.substr(0, dot)) && is_sql_name(text.substr(dot + 1));
}

bool is_socket_path(std::string_view text) {
  return text.empty() || (text.front() == '/' && text.size() < 108 && is_path(text));
}

// -- the rows ----------------------------------------------------------------------

std::vector<setting_descriptor> database_rows() {
  using group = database_settings;
  constexpr auto database = &settings::database;
  return {
      {"database.url", "DATABASE_URL", database_url_setting{&get<database, &group::target>},
       "The PostgreSQL servers, the database and the user"},
      {"database.pool_size", "DATABASE_POOL_SIZE", integer<database, &group::pool_size>(1, 10'000),
       "Connections that are kept"},
      {"database.max_overflow", "DATABASE_MAX_OVERFLOW",
       integer<database, &group::max_overflow>(0, 10'000),
       "Connections beyond the pool size, closed when they come back"},
      {"database.min_idle", "DBS_DATABASE_MIN_IDLE", integer<database, &group::min_idle>(0, 10'000),
       "Connections that are opened in advance and kept open when idle"},
      {"database.acquire_timeout", "DBS_DATABASE_ACQUIRE_TIMEOUT",
       duration<database, &group::acquire_timeout>(1ms, 1h),
       "How long a request waits for a connection"},
      {"database.max_waiting", "DBS_DATABASE_MAX_WAITING",
       integer<database, &group::max_waiting>(0, 1'000'000),
       "How many requests may wait; 0 means ten times the pool size with overflow"},
      {"database.shared_connections", "DBS_DATABASE_SHARED_CONNECTIONS",
       integer<database, &group::shared_connections>(0, 10'000),
       "Of the connections, how many may run shared statements; 0 shares none"},
      {"database.shared_slow", "DBS_DATABASE_SHARED_SLOW",
       duration<database, &group::shared_slow>(1ms, 24h),
       "A statement that took longer shares no connection until it is quick again"},
      {"database.connect_timeout", "DBS_DATABASE_CONNECT_TIMEOUT",
       duration<database, &group::connect_timeout>(100ms, 10min),
       "For one host, from the first packet to a usable session"},
      {"database.statement_timeout", "DBS_DATABASE_STATEMENT_TIMEOUT",
       duration<database, &group::statement_timeout>(0s, 24h),
       "The server's statement_timeout for every session; 0 leaves the server's own"},
      {"database.max_lifetime", "DBS_DATABASE_MAX_LIFETIME",
       duration<database, &group::max_lifetime>(1s, 168h),
       "How long a connection lives, shortened at random by the jitter"},
      {"database.lifetime_jitter", "DBS_DATABASE_LIFETIME_JITTER",
       number<database, &group::lifetime_jitter>(0, 0.9),
       "By which part of it a connection's life may be shortened"},
      {"database.idle_timeout", "DBS_DATABASE_IDLE_TIMEOUT",
       duration<database, &group::idle_timeout>(1s, 168h),
       "Idle connections above min_idle are closed after this time"},
      {"database.cleanup_timeout", "DBS_DATABASE_CLEANUP_TIMEOUT",
       duration<database, &group::cleanup_timeout>(10ms, 1min),
       "How long a rollback, reset or cancel may take before the connection is closed instead"},
      {"database.strict_reset", "DBS_DATABASE_STRICT_RESET", flag<database, &group::strict_reset>(),
       "Resets the session on every return, not only when it looks dirty"},
      {"database.transaction_pooler", "DBS_DATABASE_TRANSACTION_POOLER",
       flag<database, &group::transaction_pooler>(),
       "The servers are poolers that lend sessions per transaction, such as PgBouncer"},
      {"database.statement_cache", "DBS_DATABASE_STATEMENT_CACHE",
       integer<database, &group::statement_cache>(0, 100'000),
       "Prepared statements kept per connection; 0 prepares nothing"},
      {"database.leak_threshold", "DBS_DATABASE_LEAK_THRESHOLD",
       duration<database, &group::leak_threshold>(100ms, 24h),
       "A lease held for longer is reported as a leak"},
      {"database.read_only", "DBS_DATABASE_READ_ONLY", flag<database, &group::read_only>(),
       "Transactions are read-only unless they ask for more: a guard against mistakes"},
      {"database.critical", "DBS_DATABASE_CRITICAL", flag<database, &group::critical>(),
       "Whether the services are unhealthy and not ready without it, or just degraded"},
  };
}

std::vector<setting_descriptor> redis_rows() {
  using group = redis_settings;
  constexpr auto redis = &settings::redis;
  return {
      {"redis.url", "REDIS_URL", redis_url_setting{&get<redis, &group::target>},
       "The Redis server, the database number and the user"},
      {"redis.ca_file", "DBS_REDIS_CA_FILE",
       text<redis, &group::ca_file>(&is_path, "a path, or empty"),
       "A PEM file with the authorities of the server's certificate; empty trusts the system's"},
      {"redis.pool_min", "REDIS_POOL_MIN_SIZE", integer<redis, &group::pool_min>(1, 10'000),
       "Connections that are kept open"},
      {"redis.pool_max", "REDIS_POOL_MAX_SIZE", integer<redis, &group::pool_max>(1, 10'000),
       "Connections at most; not less than redis.pool_min"},
      {"redis.connect_timeout", "DBS_REDIS_CONNECT_TIMEOUT",
       duration<redis, &group::connect_timeout>(10ms, 10min),
       "From the first packet to a usable connection"},
      {"redis.command_timeout", "DBS_REDIS_COMMAND_TIMEOUT",
       duration<redis, &group::command_timeout>(1ms, 10min),
       "How long a command may take if its caller sets no deadline"},
  };
}

std::vector<setting_descriptor> cache_rows() {
  using group = cache_settings;
  constexpr auto cache = &settings::cache;
  return {
      {"cache.l1_size", "CACHE_L1_SIZE", integer<cache, &group::l1_size>(1, 100'000'000),
       "Entries of the in-memory level"},
      {"cache.l1_mib", "DBS_CACHE_L1_MIB", integer<cache, &group::l1_mib>(1, 1'048'576),
       "Memory of the in-memory level, in MiB"},
      {"cache.l1_ttl", "DBS_CACHE_L1_TTL", duration<cache, &group::l1_ttl>(10ms, 24h),
       "How long a value in memory is served before the next level is asked again"},
      {"cache.l2_ttl", "CACHE_L2_TTL", duration<cache, &group::l2_ttl>(1s, 8760h),
       "How long an entry lives in Redis if whoever puts it does not say"},
      {"cache.ttl_jitter", "DBS_CACHE_TTL_JITTER", number<cache, &group::ttl_jitter>(0, 0.9),
       "By what part of it a time to live is shortened at random"},
      {"cache.l2_timeout", "DBS_CACHE_L2_TIMEOUT", duration<cache, &group::l2_timeout>(1ms, 1min),
       "How long a read waits for Redis before the next level is asked"},
      {"cache.l2_prefix", "DBS_CACHE_L2_PREFIX",
       text<cache, &group::l2_prefix>(&is_key_prefix,
                                      "1 to 64 letters, digits, '.', '_', '-' and ':'"),
       "What all keys of the cache in Redis begin with"},
      {"cache.l3_enabled", "CACHE_L3_ENABLED", flag<cache, &group::l3_enabled>(),
       "Whether the database is the third level of the cache"},
      {"cache.l3_timeout", "DBS_CACHE_L3_TIMEOUT", duration<cache, &group::l3_timeout>(1ms, 10min),
       "How long a read waits for the table in the database"},
      {"cache.l3_table", "DBS_CACHE_L3_TABLE",
       text<cache, &group::l3_table>(
           &is_table_name,
           "a name, or schema.name, of small letters, digits and '_', at most 48 each"),
       "The table of the third level, which is made at the start"},
      {"cache.max_value_bytes", "DBS_CACHE_MAX_VALUE_BYTES",
       integer<cache, &group::max_value_bytes>(1, 67'108'864 - 4096),
       "The largest value, in bytes"},
      {"cache.load_timeout", "DBS_CACHE_LOAD_TIMEOUT",
       duration<cache, &group::load_timeout>(1ms, 10min), "How long a loader may take"},
      {"cache.max_loads", "DBS_CACHE_MAX_LOADS", integer<cache, &group::max_loads>(1, 10'000),
       "Loaders that run at a time; more wait"},
  };
}

std::vector<setting_descriptor> http_rows() {
  using group = http_settings;
  constexpr auto http = &settings::http;
  return {
      {"http.address", "DBS_HTTP_ADDRESS",
       text<http, &group::address>(
           &is_loopback,
           "a loopback address (127.0.0.0/8 or ::1), since there is no authentication yet"),
       "Where HTTP listens"},
      {"http.port", "DBS_HTTP_PORT", integer<http, &group::port>(0, 65'535),
       "The port of HTTP; 0 takes a free one"},
      {"http.socket", "DBS_HTTP_SOCKET",
       text<http, &group::socket>(
           &is_socket_path, "an absolute path of at most 107 bytes, or empty for the default"),
       "The Unix socket of dbsctl; empty for the default below XDG_RUNTIME_DIR or /tmp"},
      {"http.max_connections", "DBS_HTTP_MAX_CONNECTIONS",
       integer<http, &group::max_connections>(1, 65'536), "HTTP connections at the same time"},
      {"http.request_timeout", "DBS_HTTP_REQUEST_TIMEOUT",
       duration<http, &group::request_timeout>(100ms, 10min), "How long one HTTP request may take"},
      {"http.max_request_bytes", "DBS_HTTP_MAX_REQUEST_BYTES",
       integer<http, &group::max_request_bytes>(1024, 67'108'864), "The largest HTTP request"},
  };
}

std::vector<setting_descriptor> log_rows() {
  using group = log_settings;
  constexpr auto log = &settings::log;
  return {
      {"log.level", "DBS_LOG_LEVEL", choice<log, &group::level>(log_levels), "What is logged"},
      {"log.format", "DBS_LOG_FORMAT", choice<log, &group::format>(log_formats),
       "The form of a log line"},
      {"log.file", "DBS_LOG_FILE", text<log, &group::file>(&is_path, "a path, or empty"),
       "Where the log goes; empty for standard error"},
      {"log.max_file_mib", "DBS_LOG_MAX_FILE_MIB", integer<log, &group::max_file_mib>(1, 65'536),
       "A log file is rotated at this size, in MiB"},
      {"log.max_files", "DBS_LOG_MAX_FILES", integer<log, &group::max_files>(1, 1000),
       "Rotated log files that are kept"},
  };
}

std::vector<setting_descriptor> all_rows() {
  std::vector<setting_descriptor> result{{"mode", "DBS_MODE",
                                          choice_setting{&mode_member, mode_names()},
                                          "The preset that replaces some of the defaults"}};
  auto append = [&result](std::vector<setting_descriptor> rows) {
    result.insert(result.end(), rows.begin(), rows.end());
  };
  append(database_rows());
  append(redis_rows());
  append(cache_rows());
  append(http_rows());
  append({{"health.interval", "DBS_HEALTH_INTERVAL",
           duration<&settings::health, &health_settings::interval>(100ms, 1h),
           "How often the managers are asked for their health"}});
  append(log_rows());
  return result;
}

// -- named databases ---------------------------------------------------------------

constexpr std::string_view own_group = "database.";

/// The row of the table under "database." as that of a named database.
setting_descriptor of_database(setting_descriptor row, const std::string& name) {
  row.key = database_group(name) + "." + row.key.substr(own_group.size());
  row.env = variable_by_rule(row.key);
  row.database = name;
  return row;
}

} // namespace

const std::vector<setting_descriptor>& setting_table() {
  static const auto table = all_rows();
  return table;
}

std::vector<setting_descriptor> setting_table(const settings& values) {
  auto result = setting_table();
  auto behind = std::find_if(result.begin(), result.end(), [](const setting_descriptor& row) {
    return row.key.starts_with("redis.");
  });
  std::vector<setting_descriptor> named;
  for (auto& [name, database] : values.databases)
    for (auto& row : setting_table())
      if (row.key.starts_with(own_group))
        named.push_back(of_database(row, name));
  result.insert(behind, named.begin(), named.end());
  return result;
}

std::optional<setting_descriptor> find_setting(std::string_view key) {
  auto name = database_in(key);
  if (name && !is_database_name(*name))
    return std::nullopt;
  std::string own_key{key};
  if (name)
    own_key = "database" + own_key.substr(database_group(*name).size());
  for (auto& row : setting_table())
    if (row.key == own_key)
      return name ? of_database(row, std::string{*name}) : row;
  return std::nullopt;
}

bool is_target(const setting_descriptor& row) {
  return std::holds_alternative<database_url_setting>(row.type) ||
         std::holds_alternative<redis_url_setting>(row.type);
}

std::string variable_by_rule(std::string_view key) {
  std::string result{"DBS_"};
  for (auto c : key)
    result += c == '.' ? '_' : c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return result;
}

} // namespace dbs
