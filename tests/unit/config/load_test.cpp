// The loader: precedence and origins; and the settings of a host.
#include "unit/config/loading.hpp"

#include "dbs/config/setting_table.hpp"
#include "dbs/config/setting_value.hpp"
#include "dbs/config/validation.hpp"

#include <chrono>
#include <string>
#include <utility>
#include <vector>

using namespace dbs;
using namespace dbs::tests;
using namespace std::chrono_literals;

// -- values ------------------------------------------------------------------------

TEST_CASE("the runbook's variables set what they say") {
  auto sources = with_targets();
  auto set = [&sources](const char* name, const char* value) { sources.environment[name] = value; };
  set("DATABASE_POOL_SIZE", "21");
  set("DATABASE_MAX_OVERFLOW", "3");
  set("REDIS_POOL_MIN_SIZE", "6");
  set("REDIS_POOL_MAX_SIZE", "51");
  set("CACHE_L1_SIZE", "1001");
  set("CACHE_L2_TTL", "301");
  set("CACHE_L3_ENABLED", "false");
  auto x = load(sources).values;
  CHECK(x.database.target.hosts == std::vector<host_port>{{"db", 5432}});
  CHECK(x.database.target.password.reveal() == "S3cret");
  CHECK(x.database.pool_size == 21);
  CHECK(x.database.max_overflow == 3);
  CHECK(x.redis.target.address == host_port{"cache", 6379});
  CHECK(x.redis.target.db == 2);
  CHECK(x.redis.pool_min == 6);
  CHECK(x.redis.pool_max == 51);
  CHECK(x.cache.l1_size == 1001);
  CHECK(x.cache.l2_ttl == 301s);
  CHECK_FALSE(x.cache.l3_enabled);
}

TEST_CASE("without a mode the defaults are the runbook's figures") {
  auto x = load(with_targets()).values;
  CHECK(x.mode.empty());
  CHECK(x.database.pool_size == 20);
  CHECK(x.database.max_overflow == 0);
  CHECK(x.redis.pool_min == 5);
  CHECK(x.redis.pool_max == 50);
  CHECK(x.cache.l1_size == 1000);
  CHECK(x.cache.l2_ttl == 300s);
  CHECK(x.cache.l3_enabled);
}

TEST_CASE("a mode replaces its five defaults and nothing else") {
  struct row {
    const char* mode;
    uint32_t pool_size;
    uint32_t max_overflow;
    caf::timespan acquire_timeout;
    uint32_t l1_size;
    caf::timespan l2_ttl;
  };
  const std::vector<row> rows{{"mcp_server", 20, 10, 200ms, 2000, 900s},
                              {"ml_training", 15, 10, 5s, 1500, 1800s},
                              {"admin", 5, 2, 10s, 500, 7200s},
                              {"async_modern", 12, 8, 5s, 1000, 3600s},
                              {"ha", 20, 20, 10s, 2500, 1800s}};
  for (auto& expected : rows) {
    INFO(expected.mode);
    auto sources = with_targets();
    sources.mode = expected.mode;
    auto loaded = load(sources);
    auto& x = loaded.values;
    CHECK(x.mode == expected.mode);
    CHECK(x.database.pool_size == expected.pool_size);
    CHECK(x.database.max_overflow == expected.max_overflow);
    CHECK(x.database.acquire_timeout == expected.acquire_timeout);
    CHECK(x.cache.l1_size == expected.l1_size);
    CHECK(x.cache.l2_ttl == expected.l2_ttl);
    CHECK(origin(loaded, "database.pool_size") == "mode " + std::string{expected.mode});
    CHECK(origin(loaded, "database.connect_timeout") == "default");
    CHECK(x.redis.pool_max == 50);
  }
}

TEST_CASE("flags beat the environment, which beats the file, the mode and the default") {
  auto sources = with_targets();
  auto pool_size = [&sources] {
    auto x = load(sources);
    return std::pair{x.values.database.pool_size, origin(x, "database.pool_size")};
  };
  using expected = std::pair<uint32_t, std::string>;
  CHECK(pool_size() == expected{20, "default"});
  sources.environment["DBS_MODE"] = "admin";
  CHECK(pool_size() == expected{5, "mode admin"});
  temporary_file file{"# a comment\n[database]\npool_size = 7\n"};
  sources.file = file.path();
  CHECK(pool_size() == expected{7, "file " + file.path().string() + " line 3"});
  sources.environment["DATABASE_POOL_SIZE"] = "8";
  CHECK(pool_size() == expected{8, "environment variable DATABASE_POOL_SIZE"});
  sources.flags.emplace_back("database.pool_size", "9");
  CHECK(pool_size() == expected{9, "flag --set database.pool_size"});
}

TEST_CASE("development mode gives what nobody else gave") {
  config_sources sources;
  sources.development = {{"database.url", "postgresql://own/dbs"},
                         {"redis.url", "redis://own"},
                         {"http.port", "0"},
                         {"log.level", "warning"}};
  auto x = load(sources);
  CHECK(x.values.database.target.hosts.front().host == "own");
  CHECK(x.values.http.port == 0);
  CHECK(origin(x, "database.url") == "development mode");
  CHECK(origin(x, "http.address") == "default");
  temporary_file file{"[log]\nlevel = \"debug\"\n"};
  sources.file = file.path();
  sources.environment = {{"DATABASE_URL", "postgresql://given/d?timeout=3"},
                         {"DBS_HTTP_PORT", "8123"}};
  x = load(sources);
  CHECK(x.values.database.target.hosts.front().host == "given");
  CHECK(x.values.redis.target.address.host == "own");
  CHECK(x.values.http.port == 8123);
  CHECK(x.values.log.level == "debug");
  CHECK(origin(x, "log.level") == "file " + file.path().string() + " line 2");
  CHECK(origin(x, "database.connect_timeout") == "argument of database.url");
}

TEST_CASE("the strongest source chooses the mode") {
  temporary_file file{"mode = \"ha\"\n"};
  auto sources = with_targets();
  auto mode = [&sources] { return load(sources).values.mode; };
  sources.file = file.path();
  CHECK(mode() == "ha");
  sources.environment["DBS_MODE"] = "admin";
  CHECK(mode() == "admin");
  sources.mode_flag = "ml_training";
  CHECK(mode() == "ml_training");
  CHECK(origin(load(sources), "mode") == "flag --mode");
  sources.mode = "mcp_server";
  CHECK(mode() == "mcp_server");
}

TEST_CASE("an argument of the URL beats the mode and the default, any other source beats it") {
  config_sources sources = with_targets();
  sources.environment["DATABASE_URL"] =
      "postgresql+asyncpg://db/app?timeout=2&command_timeout=0.5&statement_cache_size=0";
  auto x = load(sources);
  CHECK(x.values.database.connect_timeout == 2s);
  CHECK(x.values.database.statement_timeout == 500ms);
  CHECK(x.values.database.statement_cache == 0);
  CHECK(origin(x, "database.connect_timeout") == "argument of database.url");
  temporary_file file{"database.connect_timeout = 3\n"};
  sources.file = file.path();
  x = load(sources);
  CHECK(x.values.database.connect_timeout == 3s);
  CHECK(x.values.database.statement_timeout == 500ms);
}

TEST_CASE("the file takes every type of value") {
  temporary_file file{R"(
mode = "admin"
[database]
url = "postgresql://filehost/d"
lifetime_jitter = 0.25
strict_reset = true
acquire_timeout = "250ms"
idle_timeout = 90
cleanup_timeout = 1.5
[redis]
url = "redis://filehost"
[log]
level = "debug"
file = "/var/log/dbs.log"
[http]
port = 0
)"};
  config_sources sources;
  sources.file = file.path();
  auto x = load(sources).values;
  CHECK(x.database.target.hosts.front().host == "filehost");
  CHECK(x.database.lifetime_jitter == 0.25);
  CHECK(x.database.strict_reset);
  CHECK(x.database.acquire_timeout == 250ms);
  CHECK(x.database.idle_timeout == 90s);
  CHECK(x.database.cleanup_timeout == 1500ms);
  CHECK(x.redis.target.address.host == "filehost");
  CHECK(x.log.level == "debug");
  CHECK(x.log.file == "/var/log/dbs.log");
  CHECK(x.http.port == 0);
}

TEST_CASE("every setting but the URLs can be set by its variable and by its flag") {
  for (auto& row : setting_table()) {
    if (row.key.ends_with(".url"))
      continue;
    INFO(row.key);
    auto value = row.key == "mode" ? std::string{"ha"} : setting_text(row, settings{});
    auto sources = with_targets();
    sources.environment[std::string{row.env}] = value;
    CHECK(origin(load(sources), row.key) == "environment variable " + std::string{row.env});
    sources.flags.emplace_back(row.key, value);
    CHECK(origin(load(sources), row.key) == "flag --set " + std::string{row.key});
  }
}

TEST_CASE("a setting changes itself and no other one") {
  for (auto& row : setting_table()) {
    // The first of these that the row takes and that is not its default.
    auto changed = settings{};
    for (auto text : {"true", "false", "3", "2000", "0.5", "ha", "debug", "json", "127.0.0.2",
                      "/tmp/x", "postgresql://h", "redis://h"})
      if (setting_text(row, changed) == setting_text(row, settings{}))
        static_cast<void>(assign_setting(row, changed, text));
    for (auto& other : setting_table()) {
      INFO(row.key << " and " << other.key);
      auto is_same = setting_text(other, changed) == setting_text(other, settings{});
      CHECK(is_same == (&other != &row));
    }
  }
}

TEST_CASE("a whole number may have a plus sign") {
  auto sources = with_targets();
  sources.environment["DATABASE_POOL_SIZE"] = "+5";
  CHECK(load(sources).values.database.pool_size == 5);
}

TEST_CASE("a small pool limits the default of min_idle, but not a chosen one") {
  auto sources = with_targets();
  sources.environment["DATABASE_POOL_SIZE"] = "1";
  CHECK(load(sources).values.database.min_idle == 1);
  sources.environment["DBS_DATABASE_MIN_IDLE"] = "2";
  auto what = refusal(sources).what;
  CHECK(has(what, "database.min_idle (DBS_DATABASE_MIN_IDLE): \"2\""));
  CHECK(has(what, "environment variable DATABASE_POOL_SIZE"));
}

// -- settings of a host ------------------------------------------------------------

TEST_CASE("settings that a host filled in are judged by the same rules") {
  auto values = load(with_targets()).values;
  CHECK_FALSE(validate_settings(values));
  values.database.pool_size = 0;
  values.database.acquire_timeout = -1s;
  values.http.address = "0.0.0.0";
  values.mode = "turbo";
  values.redis.pool_min = 60;
  values.redis.target = {};
  auto info = detail(validate_settings(values));
  INFO(info.what);
  std::vector<std::string> names;
  for (auto& x : info.fields)
    names.push_back(x.name);
  CHECK(names == std::vector<std::string>{"mode", "database.pool_size", "database.acquire_timeout",
                                          "http.address", "redis.pool_min", "database.min_idle",
                                          "redis.url"});
  CHECK_FALSE(validate_settings(settings{}, false));
}

TEST_CASE("a host's address of a server needs a name and a port") {
  auto values = load(with_targets()).values;
  values.database.target.hosts.push_back({"replica", 0});
  CHECK(has(detail(validate_settings(values)).what,
            "database.url (DATABASE_URL): a server from the program has no name or no port"));
  values.database.target.hosts.back() = {"", 5432};
  CHECK(has(detail(validate_settings(values)).what, "database.url (DATABASE_URL)"));
  values.database.target.hosts.pop_back();
  values.redis.target.address.port = 0;
  CHECK(has(detail(validate_settings(values)).what, "redis.url (REDIS_URL)"));
}
