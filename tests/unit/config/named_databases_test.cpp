// Further databases by name: `[databases.NAME]` in the file, and what goes with it.
#include "unit/config/loading.hpp"

#include "dbs/config/database_name.hpp"
#include "dbs/config/setting_table.hpp"
#include "dbs/config/setting_value.hpp"
#include "dbs/config/show.hpp"
#include "dbs/config/validation.hpp"

#include <algorithm>
#include <string>
#include <vector>

using namespace dbs;
using namespace dbs::tests;
using namespace std::chrono_literals;

namespace {

loaded_settings load_file(std::string_view text, config_sources sources = with_targets()) {
  temporary_file file{text};
  sources.file = file.path();
  return load(sources);
}

std::vector<std::string> names_of(const error_detail& info) {
  std::vector<std::string> result;
  for (auto& x : info.fields)
    result.push_back(x.name);
  return result;
}

} // namespace

TEST_CASE("a named database takes the keys of [database], and nothing of its values") {
  auto x = load_file(R"(
    [database]
    pool_size = 7
    [databases.reports]
    url = "postgresql://u:S3cret@reports/r"
    read_only = true
    acquire_timeout = "250ms"
    [databases.old_2]
    url = "postgresql://old/o"
  )");
  REQUIRE(x.values.databases.size() == 2);
  auto& reports = x.values.databases["reports"];
  CHECK(reports.target.hosts.front().host == "reports");
  CHECK(reports.read_only);
  CHECK(reports.acquire_timeout == 250ms);
  CHECK(reports.pool_size == 20);
  CHECK(x.values.database.pool_size == 7);
  CHECK_FALSE(x.values.database.read_only);
  CHECK(x.values.databases["old_2"].target.dbname == "o");
  CHECK(has(origin(x, "databases.reports.read_only"), "line 6"));
  CHECK(origin(x, "databases.reports.pool_size") == "default");
  CHECK_FALSE(validate_settings(x.values));
}

TEST_CASE("a variable and a flag of a named database follow from its key") {
  auto sources = with_targets();
  sources.environment["DBS_DATABASES_MAX_URL_URL"] = "postgresql://h/d";
  sources.environment["DBS_DATABASES_MAX_URL_POOL_SIZE"] = "3";
  sources.flags = {{"databases.max_url.min_idle", "1"}};
  auto x = load(sources);
  auto& named = x.values.databases["max_url"];
  CHECK(named.target.dbname == "d");
  CHECK(named.pool_size == 3);
  CHECK(named.min_idle == 1);
  CHECK(origin(x, "databases.max_url.pool_size") ==
        "environment variable DBS_DATABASES_MAX_URL_POOL_SIZE");
  CHECK(origin(x, "databases.max_url.min_idle") == "flag --set databases.max_url.min_idle");
}

TEST_CASE("every setting of a named database can be set by its variable, and is its own") {
  auto sources = with_targets();
  sources.environment["DBS_DATABASES_X_URL"] = "postgresql://h/d";
  for (auto& row : setting_table(load(sources).values)) {
    if (row.database.empty() || is_target(row))
      continue;
    INFO(row.key);
    auto changed = sources;
    changed.environment[row.env] = setting_text(row, settings{});
    CHECK(origin(load(changed), row.key) == "environment variable " + row.env);
    // so that the variable alone says where the name ends
    for (auto& other : setting_table())
      CHECK_FALSE(other.key.ends_with("_" + row.key.substr(row.key.rfind('.') + 1)));
  }
}

TEST_CASE("a mode and the arguments of a URL hold for named databases, too") {
  auto sources = with_targets();
  sources.mode = "async_modern";
  auto x = load_file(R"(
    [databases.reports]
    url = "postgresql://h/d?timeout=3&statement_cache_size=0"
    max_overflow = 1
    [databases.tiny]
    url = "postgresql://h/d"
    pool_size = 1
  )",
                     sources);
  auto& reports = x.values.databases["reports"];
  CHECK(reports.pool_size == 12);
  CHECK(reports.max_overflow == 1);
  CHECK(reports.connect_timeout == 3s);
  CHECK(reports.statement_cache == 0);
  CHECK(x.values.database.connect_timeout == 5s);
  CHECK(origin(x, "databases.reports.pool_size") == "mode async_modern");
  CHECK(origin(x, "databases.reports.connect_timeout") == "argument of databases.reports.url");
  CHECK(x.values.databases["tiny"].min_idle == 1);
}

TEST_CASE("all that is wrong with named databases is said at once, each by its key") {
  auto sources = with_targets();
  temporary_file file{R"(
    [databases.empty]
    [databases.Bad]
    url = "postgresql://h/d"
    [databases.default]
    url = "postgresql://h/d"
    [databases.reports]
    url = "mysql://u:S3cret@h/d"
    pool_size = 0
    pol_size = 3
    strict_reset = "yes"
    [databases.pooled]
    url = "postgresql://h/d"
    transaction_pooler = true
    read_only = true
  )"};
  sources.file = file.path();
  sources.environment["DBS_DATABASES_ARCHIVE_URL"] = "postgresql://h/d";
  sources.environment["DBS_DATABASES_ARCHIVE_MIN_IDLE"] = "21";
  sources.environment["DBS_DATABASES_9_URL"] = "postgresql://h/d";
  sources.environment["DBS_DATABASES_low_URL"] = "postgresql://h/d";
  sources.flags = {{"databases.x.pool_size", "many"}, {"databases..url", "x"}};
  auto info = refusal(sources);
  INFO(info.what);
  auto names = names_of(info);
  std::sort(names.begin(), names.end());
  CHECK(names ==
        std::vector<std::string>{"DBS_DATABASES_9_URL", "DBS_DATABASES_low_URL", "databases..url",
                                 "databases.Bad", "databases.archive.min_idle", "databases.default",
                                 "databases.empty.url", "databases.pooled.read_only",
                                 "databases.reports.pol_size", "databases.reports.pool_size",
                                 "databases.reports.strict_reset", "databases.reports.url",
                                 "databases.x.pool_size", "databases.x.url"});
  CHECK_FALSE(has(info.what, "S3cret"));
  CHECK(has(info.what, "the name of a database is a lower-case letter"));
  CHECK(has(info.what, "did you mean databases.reports.pool_size?"));
  CHECK(has(info.what, "databases.empty.url (DBS_DATABASES_EMPTY_URL): is missing"));
  CHECK(has(info.what, "databases.reports.pool_size (DBS_DATABASES_REPORTS_POOL_SIZE): \"0\""));
}

TEST_CASE("a group of named databases must be a table of tables") {
  CHECK(has(refusal_of_file("databases = 3"), "databases in file"));
  CHECK(has(refusal_of_file("[databases]\nurl = \"x\""), "databases.url in file"));
  CHECK(has(refusal_of_file("[databases.\"a.b\"]\nurl = \"x\""), "databases.\"a.b\""));
  CHECK(has(refusal_of_file("[databases.a.b]\nurl = \"x\""), "databases.a.b: unknown key"));
}

TEST_CASE("at most 16 databases have names") {
  auto sources = with_targets();
  for (size_t i = 0; i < max_databases; ++i)
    sources.environment["DBS_DATABASES_N" + std::to_string(i) + "_URL"] = "postgresql://h/d";
  CHECK(load(sources).values.databases.size() == max_databases);
  sources.environment["DBS_DATABASES_MORE_URL"] = "postgresql://h/d";
  CHECK(refusal(sources).what == "databases: 17 are named; allowed: at most 16");
}

TEST_CASE("names are short lower-case identifiers") {
  for (auto name : {"a", "reports", "eu_west_2", "abcdefghijklmnopqrstuvwxyz012345"}) {
    INFO(name);
    CHECK(is_database_name(name));
  }
  for (auto name : {"", "Reports", "2nd", "_a", "a-b", "a.b", "a b", "\xc3\xa4", "default",
                    "abcdefghijklmnopqrstuvwxyz0123456"}) {
    INFO(name);
    CHECK_FALSE(is_database_name(name));
  }
}

TEST_CASE("databases that a host names are judged by the same rules") {
  auto values = load(with_targets()).values;
  values.databases["reports"].target = values.database.target;
  CHECK_FALSE(validate_settings(values));
  values.databases["reports"].pool_size = 0;
  values.databases["none"].read_only = true;
  values.databases["Up"].target = values.database.target;
  values.databases["Up"].pool_size = 0;
  auto info = detail(validate_settings(values));
  INFO(info.what);
  CHECK(names_of(info) == std::vector<std::string>{"databases.Up", "databases.reports.pool_size",
                                                   "databases.reports.min_idle",
                                                   "databases.none.url"});
  values = load(with_targets()).values;
  for (int i = 0; i < 17; ++i)
    values.databases["n" + std::to_string(i)].target = values.database.target;
  CHECK(names_of(detail(validate_settings(values))) == std::vector<std::string>{"databases"});
}

TEST_CASE("a read-only pool cannot ask for servers that take writes") {
  auto sources = with_targets();
  sources.environment["DBS_DATABASE_READ_ONLY"] = "true";
  CHECK(load(sources).values.database.read_only);
  sources.environment["DATABASE_URL"] = "postgresql://u:S3cret@h/d?target_session_attrs=read-write";
  auto what = refusal(sources).what;
  CHECK(has(what, "database.read_only (DBS_DATABASE_READ_ONLY): \"true\" from environment variable "
                  "DBS_DATABASE_READ_ONLY cannot be combined with target_session_attrs=read-write "
                  "of database.url"));
  CHECK_FALSE(has(what, "S3cret"));
}

TEST_CASE("what is shown of named databases has their parts, and no password") {
  auto sources = with_targets();
  sources.environment["DBS_DATABASES_REPORTS_URL"] =
      "postgresql://u:S3cret@h:6000/d?sslpassword=S3cret";
  auto views = describe_settings(load(sources));
  auto text_of = [&views](std::string_view key) {
    for (auto& x : views)
      if (x.key == key)
        return x.text;
    return std::string{"nothing"};
  };
  CHECK(text_of("databases.reports.host") == "h");
  CHECK(text_of("databases.reports.port") == "6000");
  CHECK(text_of("databases.reports.password") == "***");
  CHECK(text_of("databases.reports.pool_size") == "20");
  CHECK(text_of("database.host") == "db");
  for (auto& x : views) {
    CHECK_FALSE(has(x.text, "S3cret"));
    CHECK_FALSE(has(to_string(x.value), "S3cret"));
    CHECK_FALSE(has(x.origin, "S3cret"));
    auto collides = [&x](const setting_view& y) {
      return &x != &y && (y.key == x.key || y.key.starts_with(x.key + "."));
    };
    CHECK(std::none_of(views.begin(), views.end(), collides));
  }
}
