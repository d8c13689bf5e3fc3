// The loader: precedence, origins, and what it refuses.
#include "dbs/config/load.hpp"

#include "dbs/config/setting_table.hpp"
#include "dbs/config/setting_value.hpp"
#include "dbs/config/validation.hpp"
#include "dbs/messages/error_detail.hpp"

#include <catch2/catch_message.hpp>
#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include <unistd.h>

using namespace dbs;
using namespace std::chrono_literals;

namespace {

/// A file that lives as long as the test.
class temporary_file {
public:
  explicit temporary_file(std::string_view text) {
    auto name = (std::filesystem::temp_directory_path() / "dbs-config-XXXXXX").string();
    auto fd = mkstemp(name.data());
    REQUIRE(fd >= 0);
    close(fd);
    path_ = name;
    std::ofstream{path_} << text;
  }

  temporary_file(const temporary_file&) = delete;
  temporary_file& operator=(const temporary_file&) = delete;

  ~temporary_file() { std::filesystem::remove(path_); }

  const std::filesystem::path& path() const { return path_; }

private:
  std::filesystem::path path_;
};

/// Sources with nothing but both URLs.
config_sources with_targets() {
  config_sources result;
  result.environment = {{"DATABASE_URL", "postgresql+asyncpg://user:S3cret@db:5432/app"},
                        {"REDIS_URL", "redis://:S3cret@cache:6379/2"}};
  return result;
}

loaded_settings load(const config_sources& sources) {
  auto result = load_settings(sources);
  if (!result)
    FAIL(describe(result.error()));
  return std::move(*result);
}

error_detail refusal(const config_sources& sources) {
  auto result = load_settings(sources);
  REQUIRE_FALSE(result);
  CHECK(result.error() == errc::config_invalid);
  return detail(result.error());
}

std::string origin(const loaded_settings& x, std::string_view key) {
  auto found = x.origins.find(key);
  return found != x.origins.end() ? to_string(found->second) : "nothing";
}

bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

/// What is said about the one variable that is set wrongly.
std::string refusal_of(const std::string& name, const std::string& value) {
  auto sources = with_targets();
  sources.environment[name] = value;
  auto info = refusal(sources);
  INFO(info.what);
  CHECK(info.fields.size() == 1);
  return info.what;
}

std::string refusal_of_file(std::string_view text) {
  temporary_file file{text};
  auto sources = with_targets();
  sources.file = file.path();
  auto what = refusal(sources).what;
  CHECK(has(what, file.path().string()));
  return what;
}

} // namespace

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
  sources.flags.emplace_back("mode", "ml_training");
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
    auto flag = row.key == "mode" ? std::string{"--mode"} : "--set " + std::string{row.key};
    CHECK(origin(load(sources), row.key) == "flag " + flag);
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

TEST_CASE("a small pool limits the default of min_idle, but not a chosen one") {
  auto sources = with_targets();
  sources.environment["DATABASE_POOL_SIZE"] = "1";
  CHECK(load(sources).values.database.min_idle == 1);
  sources.environment["DBS_DATABASE_MIN_IDLE"] = "2";
  auto what = refusal(sources).what;
  CHECK(has(what, "database.min_idle (DBS_DATABASE_MIN_IDLE): \"2\""));
  CHECK(has(what, "environment variable DATABASE_POOL_SIZE"));
}

// -- refusals ----------------------------------------------------------------------

TEST_CASE("a value that is not allowed is refused with its variable, its text and the range") {
  for (auto value : {"0", "-1", "10001", "99999999999999999999"}) {
    auto what = refusal_of("DATABASE_POOL_SIZE", value);
    CHECK(what == "database.pool_size (DATABASE_POOL_SIZE): \"" + std::string{value} +
                      "\" from environment variable DATABASE_POOL_SIZE is out of range; allowed: a "
                      "whole number from 1 to 10000");
  }
  for (auto value : {"abc", "20x", " 20", "20 ", "2.5", "0x10", "1e3", ""})
    CHECK(has(refusal_of("DATABASE_POOL_SIZE", value), "is not a whole number"));
  CHECK(has(refusal_of("CACHE_L3_ENABLED", "maybe"), "allowed: true or false"));
  CHECK(has(refusal_of("CACHE_L2_TTL", "5 minutes"), "is not a duration"));
  CHECK(has(refusal_of("CACHE_L2_TTL", "-5"), "is not a duration"));
  CHECK(has(refusal_of("CACHE_L2_TTL", "0"), "is out of range"));
  CHECK(has(refusal_of("DBS_LOG_LEVEL", "loud"), "one of trace, debug, info"));
  CHECK(has(refusal_of("DBS_DATABASE_LIFETIME_JITTER", "nan"), "is not a number"));
  CHECK(has(refusal_of("DBS_DATABASE_LIFETIME_JITTER", "1"), "a number from 0 to 0.9"));
  CHECK(has(refusal_of("DBS_HTTP_PORT", "65536"), "a whole number from 0 to 65535"));
  CHECK(has(refusal_of("DBS_HTTP_SOCKET", "relative.sock"), "an absolute path"));
}

TEST_CASE("an address that others can reach is refused while there is no authentication") {
  for (auto address :
       {"0.0.0.0", "::", "192.168.1.1", "128.0.0.1", "127.example.com", "localhost", ""})
    CHECK(has(refusal_of("DBS_HTTP_ADDRESS", address), "there is no authentication yet"));
  for (auto address : {"127.0.0.1", "127.1.2.3", "::1"}) {
    auto sources = with_targets();
    sources.environment["DBS_HTTP_ADDRESS"] = address;
    CHECK(load(sources).values.http.address == address);
  }
}

TEST_CASE("an unknown mode is refused with the list of modes") {
  auto sources = with_targets();
  sources.mode = "turbo";
  CHECK(refusal(sources).what ==
        "mode (DBS_MODE): \"turbo\" from the program is unknown; allowed: one of mcp_server, "
        "ml_training, admin, async_modern, ha");
  sources.mode.clear();
  sources.flags.emplace_back("mode", "turbo");
  CHECK(has(refusal(sources).what, "\"turbo\" from flag --mode is unknown"));
}

TEST_CASE("an unknown DBS_ variable is refused, other people's variables are not") {
  auto what = refusal_of("DBS_DATABASE_MIN_IDEL", "S3cret");
  CHECK(has(what, "DBS_DATABASE_MIN_IDEL: unknown environment variable"));
  CHECK(has(what, "did you mean DBS_DATABASE_MIN_IDLE?"));
  CHECK_FALSE(has(what, "S3cret"));
  CHECK(has(refusal_of("DBS_DATABASE_POOL_SIZE", "5"), "did you mean DATABASE_POOL_SIZE?"));
  CHECK(has(refusal_of("DBS_REDIS_POOL_MIN", "5"), "did you mean REDIS_POOL_MIN_SIZE?"));
  auto sources = with_targets();
  sources.environment["DATABASE_NAME"] = "x";
  sources.environment["PATH"] = "/bin";
  CHECK(load_settings(sources));
}

TEST_CASE("an unknown flag, and one that is given twice, are refused") {
  auto sources = with_targets();
  sources.flags = {{"database.poolsize", "5"}, {"cache.l1_size", "5"}, {"cache.l1_size", "6"}};
  auto info = refusal(sources);
  REQUIRE(info.fields.size() == 2);
  CHECK(has(info.what, "database.poolsize: unknown flag"));
  CHECK(has(info.what, "did you mean database.pool_size?"));
  CHECK(has(info.what, "cache.l1_size (CACHE_L1_SIZE): \"6\" from flag --set cache.l1_size differs "
                       "from what is given before it; allowed: a whole number"));
}

TEST_CASE("what is wrong in the file is refused with its line") {
  CHECK(has(refusal_of_file("[database]\n\npoolsize = 3\n"), "line 3; allowed"));
  CHECK(has(refusal_of_file("[database]\npoolsize = 3\n"), "did you mean database.pool_size?"));
  CHECK(has(refusal_of_file("[databse]\npool_size = 3\n"), "databse: unknown key in file"));
  CHECK(has(refusal_of_file("\ndatabase = 3\n"), "line 2: must be a table"));
  auto what = refusal_of_file("database.pool_size = \"20\"\n");
  CHECK(has(what, "database.pool_size (DATABASE_POOL_SIZE): \"20\" from file "));
  CHECK(has(what, "line 1 is a string; allowed: an integer"));
  what = refusal_of_file("database.pool_size = 20.5\n");
  CHECK(has(what, "\"20.5\" from file"));
  CHECK(has(what, "is a floating-point number"));
  CHECK(has(refusal_of_file("cache.l3_enabled = 1\n"), "is an integer; allowed: a boolean"));
  CHECK(has(refusal_of_file("cache.l2_ttl = true\n"), "allowed: a number or a string"));
  CHECK(has(refusal_of_file("log.file = 1979-05-27\n"), "the value from file"));
  CHECK(has(refusal_of_file("cache.l2_ttl = inf\n"), "is not a duration"));
  CHECK(has(refusal_of_file("mode = [\"ha\"]\n"), "is an array"));
  CHECK(has(refusal_of_file("database.pool_size = 0\n"), "line 1 is out of range"));
  CHECK(has(refusal_of_file("[database]\npool_size = = 3\n"), "line 2: Error while parsing"));
}

TEST_CASE("a file that cannot be read is refused") {
  auto sources = with_targets();
  sources.file = "/nonexistent/dbs.toml";
  CHECK(has(refusal(sources).what, "/nonexistent/dbs.toml: cannot be read: No such file"));
  sources.file = std::filesystem::temp_directory_path();
  CHECK(has(refusal(sources).what, "is a directory"));
  temporary_file large{std::string((size_t{1} << 20) + 1, '#')};
  sources.file = large.path();
  CHECK(has(refusal(sources).what, "is larger than"));
}

TEST_CASE("redis.pool_min above redis.pool_max is refused, whichever was set") {
  auto what = refusal_of("REDIS_POOL_MAX_SIZE", "3");
  CHECK(what == "redis.pool_min (REDIS_POOL_MIN_SIZE): \"5\" from default must not be greater than "
                "redis.pool_max (REDIS_POOL_MAX_SIZE), which is \"3\" from environment variable "
                "REDIS_POOL_MAX_SIZE");
  CHECK(has(refusal_of("REDIS_POOL_MIN_SIZE", "51"), "which is \"50\" from default"));
}

TEST_CASE("all violations are reported at once") {
  auto sources = with_targets();
  sources.environment["DATABASE_URL"] = "postgresql://db:99999/app";
  sources.environment["DATABASE_POOL_SIZE"] = "abc";
  sources.environment["REDIS_POOL_MIN_SIZE"] = "9";
  sources.environment["REDIS_POOL_MAX_SIZE"] = "8";
  sources.environment["DBS_NONSENSE"] = "1";
  sources.flags.emplace_back("http.address", "0.0.0.0");
  temporary_file file{"[cache]\nl1_size = 0\ncolour = 1\n"};
  sources.file = file.path();
  auto info = refusal(sources);
  INFO(info.what);
  std::vector<std::string> names;
  for (auto& x : info.fields)
    names.push_back(x.name);
  std::sort(names.begin(), names.end());
  CHECK(names == std::vector<std::string>{"DBS_NONSENSE", "cache.colour", "cache.l1_size",
                                          "database.pool_size", "database.url", "http.address",
                                          "redis.pool_min"});
  CHECK(std::count(info.what.begin(), info.what.end(), '\n') == 6);
}

TEST_CASE("a weaker source must be valid even if it is overridden") {
  auto sources = with_targets();
  sources.environment["DATABASE_POOL_SIZE"] = "abc";
  sources.flags.emplace_back("database.pool_size", "5");
  CHECK(has(refusal(sources).what, "DATABASE_POOL_SIZE"));
}

TEST_CASE("the URLs have no default, save for those who only look") {
  config_sources sources;
  auto info = refusal(sources);
  REQUIRE(info.fields.size() == 2);
  CHECK(has(info.what, "database.url (DATABASE_URL): is missing"));
  CHECK(has(info.what, "redis.url (REDIS_URL): is missing"));
  sources.require_targets = false;
  CHECK(load(sources).values.database.target.hosts.empty());
  CHECK(load(sources).values.redis.target.address.host.empty());
}

TEST_CASE("an argument of the URL must be in the range of its setting") {
  auto what = refusal_of("DATABASE_URL", "postgresql://db/app?connect_timeout=9999");
  CHECK(has(what,
            "database.connect_timeout (DBS_DATABASE_CONNECT_TIMEOUT): \"9999s\" from argument "
            "of database.url is out"));
}

// -- secrets -----------------------------------------------------------------------

TEST_CASE("no message tells a password, wherever it was put") {
  const std::vector<std::string> urls{"postgresql://user:S3cret@h:99999/d",
                                      "postgresql://user:S3cret",
                                      "postgresql://user:S3cret@@h/d",
                                      "postgresql:/user:S3cret@h/d",
                                      "postgresql//user:S3cret@h/d",
                                      "postgresql://user:S3cret@h/d?password=S3cret",
                                      "postgresql://h:0/d?password=S3cret",
                                      "postgresql://h/d?passwort=S3cret",
                                      "postgresql://h/d?password%3DS3cret",
                                      "postgresql://h:0/d?sslpassword=S3cret",
                                      "S3cret",
                                      "mysql://user:S3cret@h/d",
                                      "postgresql://user:S3cret%@h/d",
                                      "postgresql://user/S3cret@h/d",
                                      "redis://S3cret@h",
                                      "redis://:S3cret@h:x",
                                      "postgresql://user:pa/ss:S3cret@h:1:2/d",
                                      "postgresql://u:p\nS3cret@h/d"};
  for (auto& url : urls) {
    for (auto& variable : {"DATABASE_URL", "REDIS_URL", "DBS_LOG_LEVEL", "DATABASE_POOL_SIZE"}) {
      auto is_url = url.find('@') != std::string::npos || url.find("://") != std::string::npos;
      if (!is_url && std::string_view{variable}.find("_URL") == std::string_view::npos)
        continue; // nothing tells a bare word from any other wrong value
      auto sources = with_targets();
      sources.environment[variable] = url;
      auto info = refusal(sources);
      INFO(info.what);
      CHECK_FALSE(has(info.what, "S3cret"));
      for (auto& x : info.fields)
        CHECK_FALSE(has(to_string(x.value), "S3cret"));
    }
  }
}

TEST_CASE("no message about the file tells a password") {
  for (auto text :
       {"database.url = postgresql://u:S3cret@h/d\n",
        "database.url = \"postgresql://u:S3cret@h/d\n", "database.url = 'S3cret' S3cret",
        "database.url = [\"S3cret\"]\n", "database.password = \"S3cret\"\n",
        "[database]\nurl = \"\\S3cret\"\n", "database.url = S3cret\n"})
    CHECK_FALSE(has(refusal_of_file(text), "S3cret"));
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
