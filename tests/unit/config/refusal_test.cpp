// What the loader refuses, and that it tells no secret then.
#include "unit/config/loading.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

using namespace dbs;
using namespace dbs::tests;

namespace {

/// Loads what must be refused, and looks for the password in all parts of the error.
void check_tells_nothing(const config_sources& sources) {
  auto info = refusal(sources);
  INFO(info.what);
  CHECK_FALSE(has(info.what, "S3cret"));
  for (auto& x : info.fields) {
    CHECK_FALSE(has(x.name, "S3cret"));
    CHECK_FALSE(has(to_string(x.value), "S3cret"));
  }
}

} // namespace

// -- refusals ----------------------------------------------------------------------

TEST_CASE("a value that is not allowed is refused with its variable, its text and the range") {
  for (auto value : {"0", "-1", "10001", "+0", "+10001", "99999999999999999999"}) {
    auto what = refusal_of("DATABASE_POOL_SIZE", value);
    CHECK(what == "database.pool_size (DATABASE_POOL_SIZE): \"" + std::string{value} +
                      "\" from environment variable DATABASE_POOL_SIZE is out of range; allowed: a "
                      "whole number from 1 to 10000");
  }
  for (auto value : {"abc", "20x", " 20", "20 ", "2.5", "0x10", "1e3", "", "+", "++5", "+-5"})
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
  sources.mode_flag = "turbo";
  CHECK(has(refusal(sources).what, "\"turbo\" from flag --mode is unknown"));
  sources.mode_flag = "";
  CHECK(has(refusal(sources).what, "\"\" from flag --mode is unknown"));
}

TEST_CASE("a mode that is refused is blamed on the flag that was given") {
  auto sources = with_targets();
  sources.flags.emplace_back("mode", "turbo");
  CHECK(has(refusal(sources).what, "\"turbo\" from flag --set mode is unknown"));
  sources.flags = {{"mode", "ha"}};
  sources.mode_flag = "admin";
  CHECK(
      has(refusal(sources).what, "\"ha\" from flag --set mode differs from what is given before"));
  sources.mode_flag = "ha";
  CHECK(load(sources).values.mode == "ha");
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
  CHECK(has(refusal_of_file("[database]\npool_size 3\n"), "line 2: Error while parsing key"));
}

TEST_CASE("a quoted key with a dot in it is not the setting of that name") {
  auto what = refusal_of_file("\"database.pool_size\" = 5\n[database]\npool_size = 7\n");
  CHECK(has(what, "\"database.pool_size\": unknown key in file"));
  CHECK(has(what, "line 1; allowed: the keys of docs/configuration.md; did you mean "
                  "database.pool_size?"));
  CHECK(has(refusal_of_file("[database]\n'pool.size' = 1\n"), "database.\"pool.size\": unknown"));
}

TEST_CASE("nothing is said to be missing that may stand in a file that cannot be read") {
  for (auto text : {"[database]\nurl = \n", "[database\nurl = 'postgresql://h/d'\n"}) {
    temporary_file file{text};
    config_sources sources;
    sources.file = file.path();
    sources.environment["DBS_DATABASE_MIN_IDLE"] = "30";
    auto info = refusal(sources);
    INFO(info.what);
    CHECK(info.fields.size() == 1);
    sources.environment["DATABASE_POOL_SIZE"] = "20";
    CHECK(has(refusal(sources).what, "must not be greater than database.pool_size"));
  }
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

TEST_CASE("a pooler's sessions cannot be reset") {
  auto sources = with_targets();
  sources.environment["DBS_DATABASE_TRANSACTION_POOLER"] = "true";
  sources.environment["DBS_DATABASE_STRICT_RESET"] = "true";
  CHECK(has(refusal(sources).what, "cannot be combined with database.transaction_pooler"));
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

TEST_CASE("an argument of the URL must be in its range even if it is overridden") {
  for (auto [argument, variable, value] :
       {std::array{"timeout=100h", "DBS_DATABASE_CONNECT_TIMEOUT", "5s"},
        std::array{"command_timeout=100h", "DBS_DATABASE_STATEMENT_TIMEOUT", "5s"},
        std::array{"statement_cache_size=999999", "DBS_DATABASE_STATEMENT_CACHE", "1"}}) {
    auto url = std::string{"postgresql://db/app?"} + argument;
    auto sources = with_targets();
    sources.environment["DATABASE_URL"] = url;
    sources.environment[variable] = value;
    auto info = refusal(sources);
    INFO(info.what);
    CHECK(info.fields.size() == 1);
    CHECK(has(info.what, "from argument of database.url is out of range"));
    // and if the whole URL is overridden
    sources = with_targets();
    temporary_file file{"[database]\nurl = '" + url + "'\n"};
    sources.file = file.path();
    CHECK(has(refusal(sources).what, "from argument of database.url is out of range"));
  }
}

TEST_CASE("all that is wrong with a URL is in its line") {
  auto what = refusal_of("DATABASE_URL", "postgresql://u:p@h,,g:0/d?foo=1&bar=2&sslmode=zzz");
  for (auto part :
       {"argument 'foo' is unknown; allowed: application_name", "'bar' is unknown",
        "'sslmode' must be one of", "host number 2 is empty", "the port of host number 3"})
    CHECK(has(what, part));
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
                                      "postgresql://u:p\nS3cret@h/d",
                                      "host=h user=u password=S3cret",
                                      "host=h PASSWORD = S3cret"};
  for (auto& url : urls) {
    for (std::string variable : {"DATABASE_URL", "REDIS_URL"}) {
      auto sources = with_targets();
      sources.environment[variable] = url;
      check_tells_nothing(sources);
    }
    if (url == "S3cret")
      continue; // elsewhere nothing tells a bare word from any other wrong value
    for (std::string variable :
         {"DBS_LOG_LEVEL", "DATABASE_POOL_SIZE", "DBS_REDIS_CONNECT_TIMEOUT"}) {
      auto sources = with_targets();
      sources.environment[variable] = url;
      check_tells_nothing(sources);
    }
    // as a key
    auto sources = with_targets();
    sources.environment["DBS_" + url] = "1";
    check_tells_nothing(sources);
    for (std::string flag : {url, "database." + url, "database.url:" + url}) {
      sources = with_targets();
      sources.flags.emplace_back(flag, "1");
      check_tells_nothing(sources);
    }
    for (std::string table : {"", "[database]\n"}) {
      auto line = "'" + url + "' = 1\n";
      for (auto& text : {table + line, table + line + line}) {
        temporary_file file{text};
        sources = with_targets();
        sources.file = file.path();
        check_tells_nothing(sources);
      }
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
