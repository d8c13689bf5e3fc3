// The code in docs/testing.md that is about real servers; the rest of it is
// examples/testing_your_actor.
#include "integration/actors/postgres_pool/pool_fixture.hpp"

#include "dbs/testing/gate/tcp_gate.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace std::chrono_literals;

TEST_CASE("docs/testing.md: a real server behind a link that breaks") {
  dbs::tests::pool_fixture fix;
  auto& server = fix.server;
  dbs::testing::tcp_gate gate{server.host(), server.port()};
  fix.settings.target.hosts = {{gate.host(), gate.port()}};
  fix.start();
  auto db = fix.client().within(1s).sync(fix.system);
  CHECK(db.execute("select 1"));
  gate.drop(); // the link is half open: nothing arrives any more
  CHECK(db.execute("select 1").error() == dbs::errc::deadline_exceeded);
  gate.reset_all(); // the old connections break
  gate.pass();      // and new ones work
  CHECK(dbs::testing::eventually([&] { return bool{db.execute("select 1")}; }));
}

TEST_CASE("docs/testing.md: a real server that is killed and comes back") {
  dbs::testing::private_postgres server;
  server.psql("create table t (x int)");
  server.kill();  // every process gone, as in a power cut
  server.start(); // same port, same data
  CHECK(server.psql("select count(*) from t") == "0");
}
