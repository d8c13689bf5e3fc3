// The parts of the connection that need no server.
#include "dbs/messages/error_detail.hpp"
#include "dbs/runtime/postgres/connection.hpp"
#include "dbs/runtime/postgres/internal/connect_keywords.hpp"
#include "dbs/runtime/postgres/internal/pq_errors.hpp"
#include "dbs/runtime/postgres/internal/session_role.hpp"
#include "dbs/runtime/postgres/internal/statement_cache.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cstdlib>

#include <algorithm>
#include <map>
#include <string>

using namespace dbs;
using namespace dbs::postgres;
using namespace dbs::postgres::internal;
using namespace std::chrono_literals;

// -- what libpq says when a connect fails ------------------------------------------

TEST_CASE("a system's error is told without libpq's frame") {
  auto x = parse_connect_error(
      "connection to server at \"localhost\" (127.0.0.1), port 5999 failed: Connection refused\n"
      "\tIs the server running on that host and accepting TCP/IP connections?\n");
  CHECK(x.cause == "connection refused");
  CHECK(x.sqlstate.empty());
}

TEST_CASE("a server's refusal is told with its SQLSTATE, whatever the language") {
  auto english = parse_connect_error(
      "connection to server at \"127.0.0.1\", port 5432 failed: "
      "FATAL:  28P01: password authentication failed for user \"bob\"\nLOCATION:  auth_failed\n");
  CHECK(english.cause == "password authentication failed for user \"bob\"");
  CHECK(english.sqlstate == "28P01");
  auto german = parse_connect_error(
      "Verbindung zum Server ... fehlgeschlagen: FATAL:  3D000: Datenbank »x« existiert nicht\n");
  CHECK(german.cause == "Datenbank »x« existiert nicht");
  CHECK(german.sqlstate == "3D000");
}

TEST_CASE("an abbreviation keeps its capitals") {
  auto x = parse_connect_error("connection to server at \"a\", port 1 failed: SSL error: bad\n");
  CHECK(x.cause == "SSL error: bad");
}

TEST_CASE("a message in another form is told as it is, and an empty one has a text") {
  CHECK(parse_connect_error("invalid sslmode value: \"x\"\n").cause ==
        "invalid sslmode value: \"x\"");
  CHECK(parse_connect_error("FATAL:  too short").cause == "FATAL:  too short");
  CHECK(parse_connect_error("").cause == "no reason given");
}

// -- roles ---------------------------------------------------------------------------

TEST_CASE("target_session_attrs means what it means to libpq") {
  struct row {
    const char* name;
    bool primary;
    bool read_only_primary;
    bool standby;
  };
  auto rows = {row{"any", true, true, true},        row{"read-write", true, false, false},
               row{"read-only", false, true, true}, row{"primary", true, true, false},
               row{"standby", false, false, true},  row{"prefer-standby", false, false, true}};
  for (auto& x : rows) {
    CAPTURE(x.name);
    auto role = parse_session_role(x.name);
    REQUIRE(role);
    CHECK(role_mismatch(*role, "off", "off").empty() == x.primary);
    CHECK(role_mismatch(*role, "off", "on").empty() == x.read_only_primary);
    CHECK(role_mismatch(*role, "on", "on").empty() == x.standby);
    CHECK(role_mismatch(*role, "on", "off").empty() == x.standby);
  }
  CHECK_FALSE(parse_session_role("master"));
}

TEST_CASE("a server that does not tell its role fits only those who do not care") {
  CHECK(role_mismatch(session_role::any, nullptr, nullptr).empty());
  CHECK_FALSE(role_mismatch(session_role::read_write, nullptr, nullptr).empty());
}

// -- keywords ------------------------------------------------------------------------

namespace {

std::map<std::string, std::string> keywords_of(const database_settings& cfg, caf::error& problem,
                                               const std::string& host = "db.example",
                                               const std::string& address = "10.0.0.1") {
  std::map<std::string, std::string> result;
  connect_keywords keywords{cfg, problem};
  keywords.with_address({host, 5433}, address, [&](const char** names, const char** values) {
    for (; *names != nullptr; ++names, ++values) {
      INFO(*names);
      CHECK(result.emplace(*names, *values).second); // none is given twice
    }
  });
  return result;
}

} // namespace

TEST_CASE("the environment cannot replace the address") {
  database_settings cfg;
  caf::error problem;
  CHECK(keywords_of(cfg, problem).at("hostaddr") == "10.0.0.1");
  CHECK(keywords_of(cfg, problem, "127.0.0.1", "").at("hostaddr") == "127.0.0.1");
  CHECK_FALSE(keywords_of(cfg, problem, "/run/postgresql", "").contains("hostaddr"));
  CHECK_FALSE(problem);
  // libpq would take it for a socket, too, and there is no way to tell it not to
  cfg.target.hosts = {{"/run/postgresql", 5433}};
  ::setenv("PGHOSTADDR", "10.0.0.2", 1);
  keywords_of(cfg, problem, "/run/postgresql", "");
  ::unsetenv("PGHOSTADDR");
  CHECK(problem == errc::config_invalid);
  CHECK(detail(problem).what.find("PGHOSTADDR") != std::string::npos);
}

TEST_CASE("libpq gets the settings as keywords, with our defaults behind them") {
  database_settings cfg;
  cfg.target.user = "bob";
  cfg.target.password = secret{"pa ss'word"};
  cfg.target.dbname = "shop";
  cfg.target.parameters = {
      {"sslmode", "verify-full"}, {"keepalives_idle", "9"}, {"target_session_attrs", "primary"}};
  caf::error problem;
  auto words = keywords_of(cfg, problem);
  CHECK_FALSE(problem);
  CHECK(words["host"] == "db.example");
  CHECK(words["hostaddr"] == "10.0.0.1");
  CHECK(words["port"] == "5433");
  CHECK(words["user"] == "bob");
  CHECK(words["password"] == "pa ss'word");
  CHECK(words["dbname"] == "shop");
  CHECK(words["sslmode"] == "verify-full");
  CHECK(words["keepalives_idle"] == "9");
  CHECK(words["tcp_user_timeout"] == "10000");
  CHECK(words["application_name"] == "dbs");
  CHECK(words["client_encoding"] == "UTF8");
  // The role is checked by us.
  CHECK(words["target_session_attrs"] == "any");
}

TEST_CASE("what our decoding relies on is set in every session, whatever the server's defaults") {
  database_settings cfg;
  caf::error problem;
  CHECK(keywords_of(cfg, problem)["options"] == forced_options);
  CHECK(forced_options.find("-c datestyle=ISO") != std::string_view::npos);
  CHECK(forced_options.find("-c intervalstyle=postgres") != std::string_view::npos);
  CHECK(forced_options.find("-c bytea_output=hex") != std::string_view::npos);
  CHECK(forced_options.find("-c extra_float_digits=1") != std::string_view::npos);
  // A server that has lost us ends what it runs.
  CHECK(forced_options.find("-c client_connection_check_interval=1s") != std::string_view::npos);
}

TEST_CASE("a pooler is sent no options but those that are given") {
  database_settings cfg;
  cfg.transaction_pooler = true;
  cfg.statement_timeout = 1500ms;
  caf::error problem;
  CHECK_FALSE(keywords_of(cfg, problem).contains("options"));
  cfg.target.parameters = {{"options", "-c geqo=off"}};
  CHECK(keywords_of(cfg, problem)["options"] == "-c geqo=off");
  CHECK_FALSE(problem);
  // nor what libpq itself would take from the environment
  ::setenv("PGOPTIONS", "-c geqo=off", 1);
  keywords_of(cfg, problem);
  ::unsetenv("PGOPTIONS");
  CHECK(detail(problem).what.find("PGOPTIONS") != std::string::npos);
}

TEST_CASE("a statement timeout is added to the options that are given") {
  std::string forced{forced_options};
  database_settings cfg;
  cfg.target.parameters = {{"options", "-c geqo=off"}};
  cfg.statement_timeout = 1500ms;
  caf::error problem;
  // The user's come behind ours, so that they win.
  CHECK(keywords_of(cfg, problem)["options"] == forced + " -c geqo=off -c statement_timeout=1500");
  // No span is too short or too long for the server.
  cfg.target.parameters.clear();
  cfg.statement_timeout = 1us;
  CHECK(keywords_of(cfg, problem)["options"] == forced + " -c statement_timeout=1");
  cfg.statement_timeout = 24h * 365;
  CHECK(keywords_of(cfg, problem)["options"] == forced + " -c statement_timeout=2147483647");
}

TEST_CASE("a parameter that libpq does not know is named") {
  for (auto name : {"frobnicate", "host", "password"}) {
    database_settings cfg;
    cfg.target.parameters = {{name, "hush"}};
    caf::error problem;
    connect_keywords keywords{cfg, problem};
    CHECK(problem == errc::config_invalid);
    CHECK(describe(problem).find(name) != std::string::npos);
    CHECK(describe(problem).find("hush") == std::string::npos);
  }
  database_settings cfg;
  cfg.target.parameters = {{"target_session_attrs", "master"}};
  caf::error problem;
  connect_keywords keywords{cfg, problem};
  CHECK(problem == errc::config_invalid);
  CHECK(describe(problem).find("master") != std::string::npos);
}

TEST_CASE("only names are looked up") {
  CHECK(needs_no_lookup("127.0.0.1"));
  CHECK(needs_no_lookup("::1"));
  CHECK(needs_no_lookup("/var/run/postgresql"));
  CHECK_FALSE(needs_no_lookup("localhost"));
  CHECK_FALSE(needs_no_lookup("10.0.0.1.example"));
  CHECK(endpoint_name({"::1", 5432}) == "[::1]:5432");
  CHECK(endpoint_name({"/tmp", 5432}) == "/tmp/.s.PGSQL.5432");
}

// -- the statement cache -------------------------------------------------------------

namespace {

void add(statement_cache& cache, const std::string& sql) {
  cache.insert({sql, cache.next_name(), false, false});
}

} // namespace

TEST_CASE("the statement that was not used for longest is evicted") {
  // given
  statement_cache cache{2};
  add(cache, "a");
  add(cache, "b");
  auto name_of_b = cache.find("b")->name;
  REQUIRE(cache.find("a") != nullptr);
  // when
  add(cache, "c");
  // then
  CHECK(cache.find("b") == nullptr);
  CHECK(cache.find("a") != nullptr);
  CHECK(cache.find("c") != nullptr);
  CHECK(cache.take_doomed(10) == std::vector{name_of_b});
  CHECK(cache.doomed() == 0);
}

TEST_CASE("names are never used twice") {
  statement_cache cache{1};
  add(cache, "a");
  auto first = cache.find("a")->name;
  cache.forget();
  add(cache, "a");
  CHECK(cache.find("a")->name != first);
  cache.clear();
  add(cache, "a");
  CHECK(cache.find("a")->name != first);
}

TEST_CASE("forgotten statements wait to be deallocated, dropped ones do not") {
  statement_cache cache{8};
  for (auto sql : {"a", "b", "c"})
    add(cache, sql);
  cache.forget();
  CHECK(cache.size() == 0);
  CHECK(cache.take_doomed(2).size() == 2);
  CHECK(cache.doomed() == 1);
  add(cache, "d");
  cache.clear();
  CHECK(cache.size() == 0);
  CHECK(cache.doomed() == 0);
}

// -- stale plans ---------------------------------------------------------------------

TEST_CASE("a stale plan is told by the server's function, not by the text") {
  auto make = [](std::string sqlstate, std::string routine) {
    return fail(
        errc::query_failed,
        error_detail{"whatever", {}, std::move(sqlstate), {{"routine", std::move(routine)}}});
  };
  CHECK(is_stale_plan(make("0A000", "RevalidateCachedQuery")));
  CHECK_FALSE(is_stale_plan(make("26000", "FetchPreparedStatement")));
  CHECK_FALSE(is_stale_plan(make("0A000", "transformFromClauseItem")));
  CHECK_FALSE(is_stale_plan(make("42601", "RevalidateCachedQuery")));
  CHECK_FALSE(is_stale_plan(fail(errc::in_doubt, "broken")));
  CHECK_FALSE(is_stale_plan({}));
}

TEST_CASE("a statement of ours that is lost is told from one of the user's") {
  auto make = [](std::vector<field> fields) {
    return fail(errc::query_failed, error_detail{"whatever", {}, "26000", std::move(fields)});
  };
  CHECK(is_lost_statement(make({{"lost_statement", "dbs_1"}})));
  CHECK_FALSE(is_lost_statement(make({{"routine", "FetchPreparedStatement"}})));
  CHECK_FALSE(is_lost_statement({}));
}
