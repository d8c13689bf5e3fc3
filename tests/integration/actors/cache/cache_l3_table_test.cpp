// The third level's table: how it is made, whose it is, and what happens when it is away.
#include "integration/actors/cache/l3_fixture.hpp"

#include "dbs/testing/servers/private_pgbouncer.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <thread>

using namespace dbs;
using namespace dbs::cache;
using namespace dbs::tests;
using Catch::Matchers::ContainsSubstring;
using fixture = l3_fixture;

namespace {

std::string start_error(l3_node& node) {
  auto started = node.start();
  return started ? "" : describe(started.error());
}

} // namespace

TEST_CASE_METHOD(fixture, "several nodes that start at once make one table") {
  std::vector<std::unique_ptr<l3_node>> nodes;
  for (int i = 0; i < 4; ++i)
    nodes.push_back(make_node());
  std::vector<std::future<std::string>> outcomes;
  for (auto& x : nodes)
    outcomes.push_back(std::async(std::launch::async, [&x] { return start_error(*x); }));
  for (auto& x : outcomes)
    CHECK(x.get() == "");
  REQUIRE(nodes[0]->write("k", a_value("x", {1, 1})));
  for (auto& x : nodes)
    CHECK(text_of(x->read("k")) == "x");
  // the key's index, that of keep_until and that of the tags
  CHECK(server.psql("select count(*) from pg_indexes where tablename = 'dbs_cache'") == "3");
  CHECK_THAT(server.log_text(), !ContainsSubstring("ERROR"));
}

TEST_CASE_METHOD(fixture, "a table that is there is taken as it is, with its schema and without "
                          "the right to make one") {
  server.psql("create schema \"order\"");
  settings.l3_table = "order.group"; // words of SQL
  {
    auto maker = make_node();
    REQUIRE(start_error(*maker).empty());
    REQUIRE(maker->write("k", a_value("x", {1, 1}))->done);
  }
  CHECK(server.psql("select key from \"order\".\"group\"") == "k");
  server.psql("create role app login; grant usage on schema \"order\" to app;"
              "grant select, insert, update, delete on \"order\".\"group\" to app");
  database.target.user = "app";
  auto user = make_node();
  REQUIRE(start_error(*user).empty());
  CHECK(text_of(user->read("k")) == "x");
  REQUIRE(user->erase_prefix("k", {1, 2}));
  settings.l3_table = "order.another";
  auto refused = make_node();
  CHECK_THAT(start_error(*refused), ContainsSubstring("permission denied for schema order"));
}

TEST_CASE_METHOD(fixture, "a table that is not ours is left alone") {
  auto [definition, why] = GENERATE(table<std::string, std::string>(
      {{"create table dbs_cache (key text primary key, value bytea)", "is not a cache's"},
       {"create view dbs_cache as select 1", "is not a cache's"},
       {"create table dbs_cache (x int);"
        "comment on table dbs_cache is 'DatabaseServices cache, version 1'",
        "has other columns than its version: x integer"},
       {"create table dbs_cache (x int);"
        "comment on table dbs_cache is 'DatabaseServices cache, version 2'",
        "is of version 2, made by a newer program; this one knows version 1"}}));
  server.psql(definition);
  auto before = server.psql("select string_agg(attname, ',') from pg_attribute where attrelid = "
                            "'dbs_cache'::regclass");
  auto there = make_node();
  auto reason = start_error(*there);
  CHECK_THAT(reason, ContainsSubstring("config_invalid: cache.l3_table: \"dbs_cache\" "));
  CHECK_THAT(reason, ContainsSubstring(why));
  CHECK(there->health().status == health_status::degraded);
  CHECK_THAT(there->health().detail, ContainsSubstring(why));
  CHECK(there->read("k").error() == errc::not_ready); // the link is down
  CHECK(server.psql("select string_agg(attname, ',') from pg_attribute where attrelid = "
                    "'dbs_cache'::regclass") == before);
  // as soon as the name is free it goes on by itself
  server.psql(definition.find("view") != std::string::npos ? "drop view dbs_cache"
                                                           : "drop table dbs_cache");
  CHECK(there->until(health_status::healthy, 15s));
  CHECK(there->write("k", a_value("x", {1, 1}))->done);
}

TEST_CASE_METHOD(fixture, "a table that is dropped under way is made anew") {
  auto& there = node();
  REQUIRE(there.write("k", a_value("x", {1, 1})));
  server.psql("drop table dbs_cache");
  CHECK(there.read("k").error() == errc::query_failed);
  CHECK(testing::eventually([&] { return text_of(there.read("k")) == "none"; }));
  CHECK(there.write("k", a_value("y", {1, 1}))->done);
}

TEST_CASE_METHOD(fixture,
                 "PostgreSQL is killed and comes back: noticed with the first call, then found") {
  auto& there = node();
  REQUIRE(there.write("k", a_value("x", {1, 1})));
  server.kill();
  there.timeout = 1s;
  CHECK_FALSE(there.read("k"));
  CHECK(there.health().status == health_status::degraded);
  there.timeout = 20s;
  CHECK(there.write("k", a_value("y", {1, 2})).error() == errc::not_ready);
  server.start();
  CHECK(there.until(health_status::healthy));
  CHECK(text_of(there.read("k")) == "x");
  CHECK(there.write("k", a_value("z", {1, 3}))->done);
}

TEST_CASE_METHOD(fixture, "PostgreSQL is away at first") {
  server.kill();
  auto there = make_node();
  CHECK_THAT(start_error(*there), ContainsSubstring("connection_lost"));
  CHECK(there->health().status == health_status::degraded);
  server.start();
  CHECK(there->until(health_status::healthy, 15s));
  CHECK(there->write("k", a_value("x", {1, 1}))->done);
}

TEST_CASE_METHOD(fixture, "PostgreSQL is paused: deadlines are kept, writes are in doubt") {
  auto& there = node();
  REQUIRE(there.write("k", a_value("x", {1, 1})));
  REQUIRE(there.read("k"));
  server.pause();
  there.timeout = 200ms;
  auto before = std::chrono::steady_clock::now();
  CHECK(there.read("k").error() == errc::deadline_exceeded);
  CHECK(there.write("k", a_value("y", {1, 2})).error() == errc::in_doubt);
  CHECK(std::chrono::steady_clock::now() - before < 5s);
  CHECK(there.until(health_status::degraded, 15s));
  server.resume();
  there.timeout = 20s;
  CHECK(there.until(health_status::healthy, 15s));
  auto found = text_of(there.read("k"));
  CHECK((found == "x" || found == "y"));
  CHECK(there.write("k", a_value("z", {1, 3}))->done);
  CHECK(text_of(there.read("k")) == "z");
}

TEST_CASE_METHOD(fixture,
                 "connections that break are answered once, and the table is found again") {
  auto& there = node();
  std::map<std::string, version> acknowledged;
  auto sequence = uint64_t{0};
  auto write = [&] {
    auto vers = version{1, ++sequence};
    auto key = "k" + std::to_string(sequence % 7);
    auto done = there.write(key, a_value("x", vers));
    if (done && done->done)
      acknowledged[key] = vers;
    return static_cast<bool>(done);
  };
  for (int round = 0; round < 20; ++round) {
    auto killed = std::async(std::launch::async, [&] {
      server.psql("select pg_terminate_backend(pid) from pg_stat_activity where "
                  "application_name = 'dbs'");
    });
    while (killed.wait_for(0s) != std::future_status::ready)
      write();
    CHECK(testing::eventually(write));
  }
  CHECK(there.stat("statements.failed") > 0);
  CHECK(there.until(health_status::healthy));
  for (auto& [key, vers] : acknowledged) {
    auto found = there.read(key);
    REQUIRE(found);
    REQUIRE(*found);
    CHECK((*found)->vers >= vers);
  }
}

TEST_CASE_METHOD(fixture, "the level works behind a pooler that lends sessions for a transaction") {
  testing::private_pgbouncer pooler{server};
  database.target.hosts = {{"127.0.0.1", pooler.port()}};
  database.transaction_pooler = true;
  auto first = make_node();
  auto second = make_node();
  REQUIRE(start_error(*first).empty());
  REQUIRE(start_error(*second).empty());
  auto value = a_value(std::string("\0\xff", 2), {1, 1}, {"t"});
  value.hard = first->wall() + 1h;
  CHECK(first->write("k", value)->done);
  CHECK(**second->read("k") == value);
  CHECK(second->erase_tag("t", {1, 2}));
  CHECK(text_of(first->read("k")) == "tombstone");
}

TEST_CASE_METHOD(fixture, "a level that drains answers what it has, and lets go of the link") {
  auto& there = node();
  auto value = a_value("x", {1, 1});
  auto answer = there.begin<level_write>(
      [&](auto& x, auto token) { x.write("k", value, there.deadline(), there.sink, token); });
  there.self->request(there.level, 30s, drain_atom_v, call_context{})
      .receive([] {}, [](const caf::error& reason) { FAIL(describe(reason)); });
  REQUIRE(answer.wait_for(0s) == std::future_status::ready);
  CHECK(answer.get()->done);
  CHECK(there.read("k").error() == errc::not_ready);
  CHECK_FALSE(there.start());
}

TEST_CASE_METHOD(fixture, "a level that dies answers `restarted`, and the next one goes on") {
  auto& there = node();
  REQUIRE(there.write("k", a_value("x", {1, 1})));
  server.pause();
  auto answer = there.begin<std::optional<stored_value>>(
      [&](auto& x, auto token) { x.read("k", there.deadline(), there.sink, token); });
  there.stop_level();
  REQUIRE(answer.wait_for(5s) == std::future_status::ready);
  CHECK(answer.get().error() == errc::restarted);
  CHECK(there.read("k").error() == errc::not_ready);
  server.resume();
}
