// What `config show` gets to print.
#include "dbs/config/show.hpp"

#include "dbs/config/duration.hpp"
#include "dbs/config/secret_name.hpp"
#include "dbs/messages/error_detail.hpp"

#include <catch2/catch_message.hpp>
#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

using namespace dbs;
using namespace std::chrono_literals;

namespace {

std::vector<setting_view> show(const config_sources& sources) {
  auto loaded = load_settings(sources);
  if (!loaded)
    FAIL(describe(loaded.error()));
  return describe_settings(*loaded);
}

const setting_view& find(const std::vector<setting_view>& views, std::string_view key) {
  auto matches = [key](const setting_view& x) { return x.key == key; };
  auto found = std::find_if(views.begin(), views.end(), matches);
  INFO(key);
  REQUIRE(found != views.end());
  return *found;
}

using value = field::value_type;

} // namespace

TEST_CASE("the parts of the URLs are shown one by one, with their type and origin") {
  config_sources sources;
  sources.environment = {
      {"DATABASE_URL",
       "postgresql+asyncpg://u:S3cret@h1:6000,[::1]/d?ssl=require&sslpassword=S3cret"},
      {"REDIS_URL", "rediss://:S3cret@cache/3"}};
  auto views = show(sources);
  CHECK(find(views, "database.host").value == value{"h1"});
  CHECK(find(views, "database.port").value == value{int64_t{6000}});
  CHECK(find(views, "database.hosts").value == value{"h1:6000,[::1]:5432"});
  CHECK(find(views, "database.dbname").value == value{"d"});
  CHECK(find(views, "database.user").value == value{"u"});
  CHECK(find(views, "database.password").value == value{"***"});
  CHECK(find(views, "database.parameters").value == value{"sslmode=require sslpassword=***"});
  CHECK(find(views, "redis.host").value == value{"cache"});
  CHECK(find(views, "redis.db").value == value{int64_t{3}});
  CHECK(find(views, "redis.tls").value == value{true});
  CHECK(find(views, "redis.password").value == value{"***"});
  CHECK(find(views, "database.host").origin == "environment variable DATABASE_URL");
  CHECK(find(views, "database.host").derived);
}

TEST_CASE("settings are shown with a value for programs and a text for people") {
  config_sources sources;
  sources.require_targets = false;
  sources.flags = {{"database.acquire_timeout", "250ms"}};
  auto views = show(sources);
  auto& timeout = find(views, "database.acquire_timeout");
  CHECK(timeout.value == value{0.25});
  CHECK(timeout.text == "250ms");
  CHECK(timeout.origin == "flag --set database.acquire_timeout");
  CHECK(timeout.env == "DBS_DATABASE_ACQUIRE_TIMEOUT");
  CHECK_FALSE(timeout.derived);
  CHECK(find(views, "database.pool_size").value == value{int64_t{20}});
  CHECK(find(views, "database.pool_size").origin == "default");
  CHECK(find(views, "cache.l1_size").value == value{int64_t{1000}});
  CHECK(find(views, "cache.l2_ttl").value == value{int64_t{300}});
  CHECK(find(views, "cache.l3_enabled").value == value{true});
  CHECK(find(views, "redis.pool_min").value == value{int64_t{5}});
  CHECK(find(views, "database.host").value == value{""});
  CHECK(find(views, "database.password").value == value{""});
}

TEST_CASE("no key is shown twice or nests in another one's value") {
  config_sources sources;
  sources.require_targets = false;
  auto views = show(sources);
  for (auto& x : views) {
    auto collides = [&x](const setting_view& y) {
      return &x != &y && (y.key == x.key || y.key.starts_with(x.key + "."));
    };
    INFO(x.key);
    CHECK(std::none_of(views.begin(), views.end(), collides));
  }
}

TEST_CASE("nothing that is shown tells a password") {
  config_sources sources;
  sources.environment = {{"DATABASE_URL", "postgresql://u:S3cret@h/d?sslpassword=S3cret"},
                         {"REDIS_URL", "redis://u:S3cret@h"}};
  for (auto& x : show(sources)) {
    CHECK(x.text.find("S3cret") == std::string::npos);
    CHECK(to_string(x.value).find("S3cret") == std::string::npos);
    CHECK(x.origin.find("S3cret") == std::string::npos);
  }
}

TEST_CASE("a secret among the options of a session is masked, the others are shown") {
  CHECK(mask_options("-c app.token=S3cret -c work_mem=64MB") ==
        "-c app.token=*** -c work_mem=64MB");
  CHECK(mask_options("--my.Password=S3cret\\ S3cret -cgeqo=off") == "--my.Password=*** -cgeqo=off");
  CHECK(mask_options("-c  app.key=S3cret\\") == "-c  app.key=***");
  CHECK(mask_options("") == "");
  config_sources sources;
  sources.environment = {{"DATABASE_URL", "postgresql://h/d?options=-c%20a.secret%3DS3cret&"
                                          "server_settings=b.password%3DS3c\\,S3cret%2Cgeqo%3Doff"},
                         {"REDIS_URL", "redis://h"}};
  CHECK(find(show(sources), "database.parameters").text ==
        "options=-c a.secret=*** -c b.password=*** -c geqo=off");
}

TEST_CASE("a duration is a number of seconds or has a unit") {
  CHECK(parse_duration("5") == 5s);
  CHECK(parse_duration("0") == 0s);
  CHECK(parse_duration("0.2") == 200ms);
  CHECK(parse_duration("0.000000001") == 1ns);
  CHECK(parse_duration("0.0000000019") == 1ns);
  CHECK(parse_duration("7ns") == 7ns);
  CHECK(parse_duration("250us") == 250us);
  CHECK(parse_duration("250ms") == 250ms);
  CHECK(parse_duration("1.5s") == 1500ms);
  CHECK(parse_duration("0.1min") == 6s);
  CHECK(parse_duration("10min") == 10min);
  CHECK(parse_duration("2h") == 2h);
  CHECK(parse_duration("0.5d") == 12h);
  for (auto text : {"", "s", "-1", "+1", "1m", "1 s", " 1", "1.", ".5", "1e3", "1ss", "1S", "inf",
                    "9223372037", "106752d", "99999999999999999999"}) {
    INFO(text);
    CHECK_FALSE(parse_duration(text));
  }
  CHECK(parse_duration("9223372036"));
}

TEST_CASE("a duration is written so that it can be read") {
  for (caf::timespan x : {caf::timespan{300s}, caf::timespan{200ms}, caf::timespan{1500us},
                          caf::timespan{17ns}, caf::timespan{0s}})
    CHECK(parse_duration(to_duration_text(x)) == x);
  CHECK(to_duration_text(300s) == "300s");
  CHECK(to_duration_text(1500ms) == "1500ms");
}
