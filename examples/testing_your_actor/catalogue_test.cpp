// Tests of the catalogue without a server and on virtual time: they take
// milliseconds, and every run is the same.
#include "catalogue.hpp"

#include "dbs/messages/error_detail.hpp"
#include "dbs/messages/init.hpp"
#include "dbs/testing/fixture/actor_fixture.hpp"
#include "dbs/testing/scripted/scripted_pool.hpp"

#include <caf/init_global_meta_objects.hpp>

#include <catch2/catch_session.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers.hpp>

using namespace std::chrono_literals;

namespace {

const std::string select = "select name, cents from product where id = $1";
const std::string update = "update product set cents = $2 where id = $1";
const std::string insert = "insert into price_change values ($1, $2)";

struct shop_fixture : dbs::testing::actor_fixture {
  dbs::testing::scripted_pool pool{*this};
  shop::catalogue_actor catalogue = track(shop::spawn_catalogue(sys(), pool.client()));
};

} // namespace

TEST_CASE_METHOD(shop_fixture, "the catalogue finds a product") {
  pool.expect(select, 7).answer(
      dbs::testing::query_result({"name", "cents"}, {dbs::make_params("lamp", 2500)}));
  auto found = ask<shop::product>(catalogue, caf::get_atom_v, int64_t{7});
  REQUIRE(found);
  CHECK(found->name == "lamp");
  CHECK(found->cents == 2500);
  pool.verify();
}

TEST_CASE_METHOD(shop_fixture, "a product that is not there is not found") {
  pool.expect(select, 7);
  auto found = ask<shop::product>(catalogue, caf::get_atom_v, int64_t{7});
  CHECK(found.error() == dbs::errc::not_found);
}

TEST_CASE_METHOD(shop_fixture, "the catalogue waits two seconds for the database") {
  pool.expect(select, 7).stay_silent();
  auto found = request<shop::product>(catalogue, caf::get_atom_v, int64_t{7});
  advance(1999ms);
  CHECK(!found.answered());
  advance(1ms);
  CHECK(found.get().error() == dbs::errc::deadline_exceeded);
}

TEST_CASE_METHOD(shop_fixture, "a test that waits for nothing is told what is pending") {
  pool.expect(select, 7).stay_silent();
  CHECK_THROWS_WITH(ask<shop::product>(catalogue, caf::get_atom_v, int64_t{7}),
                    "no answer: 1 request is pending: (get, 7) to shop.catalogue#" +
                        std::to_string(catalogue.id()) +
                        "; 1 timer is pending, the earliest in 2s");
}

TEST_CASE_METHOD(shop_fixture, "a new price is set and recorded in one transaction") {
  pool.expect(update, 7, 1900).answer(dbs::testing::command_result("UPDATE 1"));
  pool.expect(insert, 7, 1900).answer(dbs::testing::command_result("INSERT 0 1"));
  CHECK(ask<void>(catalogue, caf::put_atom_v, int64_t{7}, int64_t{1900}));
  CHECK(pool.journal() == std::vector<std::string>{
                              "checkout",
                              "lease 1: begin",
                              "lease 1: execute " + update + " with $1 = '7', $2 = '1900'",
                              "lease 1: execute " + insert + " with $1 = '7', $2 = '1900'",
                              "lease 1: commit",
                              "lease 1: release",
                          });
  pool.verify();
}

TEST_CASE_METHOD(shop_fixture, "the first failure of a transaction is the answer") {
  pool.expect(update, 7, 1900).fail(dbs::fail(dbs::errc::query_failed, "no such table"));
  pool.expect(insert, 7, 1900).fail(dbs::fail(dbs::errc::query_failed, "transaction is aborted"));
  auto done = ask<void>(catalogue, caf::put_atom_v, int64_t{7}, int64_t{1900});
  CHECK(dbs::detail(done.error()).what == "no such table");
}

TEST_CASE_METHOD(shop_fixture, "a commit whose outcome nobody knows is called that") {
  pool.expect(update, 7, 1900);
  pool.expect(insert, 7, 1900);
  pool.expect_commit().fail(dbs::fail(dbs::errc::in_doubt, "the connection broke in COMMIT"));
  auto done = ask<void>(catalogue, caf::put_atom_v, int64_t{7}, int64_t{1900});
  CHECK(done.error() == dbs::errc::in_doubt);
}

TEST_CASE_METHOD(shop_fixture, "the catalogue says so if there is no connection") {
  pool.expect_checkout().fail(dbs::fail(dbs::errc::pool_exhausted, "all connections are in use"));
  auto done = ask<void>(catalogue, caf::put_atom_v, int64_t{7}, int64_t{1900});
  CHECK(done.error() == dbs::errc::pool_exhausted);
}

int main(int argc, char** argv) {
  dbs::init();
  caf::init_global_meta_objects<caf::id_block::shop>();
  return Catch::Session().run(argc, argv);
}
