#include "dbs/testing/scripted/scripted_pool.hpp"

#include "dbs/messages/error_detail.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

using namespace dbs;
using namespace dbs::testing;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;
using journal = std::vector<std::string>;

namespace {

struct fixture : actor_fixture {
  pending_answer<pg_result> execute(std::string sql, pg_params params = {},
                                    call_context context = {}) {
    auto result = request<pg_result>(pool.actor(), execute_atom_v, context,
                                     pg_statement{std::move(sql), std::move(params), true});
    run();
    return result;
  }

  pending_answer<pg_result> execute_on(pg_lease lease, std::string sql) {
    auto result = request<pg_result>(pool.actor(), execute_atom_v, call_context{},
                                     pg_lease_statement{lease, {std::move(sql), {}, true}});
    run();
    return result;
  }

  pg_lease checkout() {
    return *ask<pg_lease>(pool.actor(), checkout_atom_v, call_context{}, pg_checkout{});
  }

  template <class Verb, class What>
  caf::expected<void> tell(Verb verb, What what) {
    return ask<void>(pool.actor(), verb, call_context{}, what);
  }

  call_context deadline_in(caf::timespan timeout) { return call_context::within(now(), timeout); }

  scripted_pool pool{*this};
};

} // namespace

// -- statements ----------------------------------------------------------------------

TEST_CASE_METHOD(fixture, "a scripted pool answers an expected statement with its rows") {
  auto lamp = query_result({"name"}, {make_params("lamp")});
  pool.expect("select name from product where id = $1", 7).answer(lamp);
  CHECK(execute("select name\n  from product\n  where id = $1", make_params(7)).get() == lamp);
  pool.verify();
  CHECK(pool.journal() == journal{"execute select name from product where id = $1 with $1 = '7'"});
}

TEST_CASE_METHOD(fixture, "expected statements may come in any order, each once") {
  pool.expect("select 1").answer(query_result({"x"}, {make_params(1)}));
  pool.expect("select 2").answer(query_result({"x"}, {make_params(2)}));
  CHECK(execute("select 2").get()->row(0).text(0) == "2");
  CHECK(execute("select 1").get()->row(0).text(0) == "1");
  CHECK(execute("select 1").get().error() == errc::invalid_argument);
}

TEST_CASE_METHOD(fixture, "expectations of the same statement are used in order") {
  pool.expect("select 1").fail(fail(errc::connection_lost, "gone"));
  pool.expect("select 1");
  CHECK(execute("select 1").get().error() == errc::connection_lost);
  CHECK(execute("select 1").get());
}

TEST_CASE_METHOD(fixture, "a statement that is not expected is refused, and says what was") {
  pool.expect("select 1");
  pool.expect("select $1, $2", "it", std::nullopt);
  auto refused = execute("select $1", make_params("it")).get();
  auto complaint = "not expected: execute select $1 with $1 = 'it'; expected: execute select 1, "
                   "or execute select $1, $2 with $1 = 'it', $2 = null";
  CHECK(refused.error() == errc::invalid_argument);
  CHECK(detail(refused.error()).what == complaint);
  CHECK_THROWS_WITH(pool.verify(), ContainsSubstring(complaint));
}

TEST_CASE_METHOD(fixture, "a statement that does not come is a complaint") {
  pool.expect("select 1");
  CHECK_THROWS_WITH(pool.verify(), "did not come: execute select 1\n");
}

// -- time ----------------------------------------------------------------------------

TEST_CASE_METHOD(fixture, "an answer after 200 ms comes after 200 ms of virtual time") {
  pool.expect("select 1").after(200ms);
  auto answer = execute("select 1");
  advance(199ms);
  CHECK(!answer.answered());
  advance(1ms);
  CHECK(answer.get());
}

TEST_CASE_METHOD(fixture, "a silent pool answers by the deadline, and never without one") {
  pool.expect("select 1").stay_silent();
  pool.expect("select 1").stay_silent();
  auto bounded = execute("select 1", {}, deadline_in(2s));
  auto unbounded = execute("select 1");
  advance(2s - 1ms);
  CHECK(!bounded.answered());
  advance(1ms);
  CHECK(bounded.get().error() == errc::deadline_exceeded);
  advance(24h);
  CHECK(!unbounded.answered());
}

TEST_CASE_METHOD(fixture, "an answer that would come too late is deadline_exceeded") {
  pool.expect("select 1").after(3s);
  auto answer = execute("select 1", {}, deadline_in(2s));
  advance(2s);
  CHECK(answer.get().error() == errc::deadline_exceeded);
  advance(1s);
  CHECK(answer.answers() == 1);
}

// -- leases --------------------------------------------------------------------------

TEST_CASE_METHOD(fixture, "a scripted pool records what happens on a lease") {
  pool.expect("insert into t values (1)").answer(command_result("INSERT 0 1"));
  auto lease = checkout();
  CHECK(tell(begin_atom_v, pg_transaction{lease, pg_isolation::serializable, true, false}));
  CHECK(tell(savepoint_atom_v, pg_savepoint{lease, pg_savepoint_action::set, "here"}));
  CHECK(execute_on(lease, "insert into t values (1)").get()->affected_rows() == 1);
  CHECK(tell(savepoint_atom_v, pg_savepoint{lease, pg_savepoint_action::rollback_to, "here"}));
  CHECK(tell(rollback_atom_v, lease));
  CHECK(tell(commit_atom_v, lease));
  CHECK(tell(release_atom_v, lease));
  CHECK(pool.journal() ==
        journal{"checkout", "lease 1: begin serializable read only", "lease 1: savepoint here",
                "lease 1: execute insert into t values (1)", "lease 1: rollback to here",
                "lease 1: rollback", "lease 1: commit", "lease 1: release"});
  pool.verify();
}

TEST_CASE_METHOD(fixture, "a batch is answered statement by statement") {
  auto lamp = query_result({"name"}, {make_params("lamp")});
  pool.expect("select name from product where id = $1", 7).answer(lamp).after(1s);
  pool.expect("delete from product").after(2s).answer(command_result("DELETE 1"));
  auto lease = checkout();
  auto results = request<std::vector<pg_result>>(
      pool.actor(), execute_atom_v, call_context{},
      pg_batch{lease,
               {make_statement("select name from product where id = $1", 7),
                make_statement("delete from product")}});
  advance(2s);
  CHECK_FALSE(results.answered());
  advance(1s);
  CHECK(results.get() == std::vector{lamp, command_result("DELETE 1")});
  pool.verify();
}

TEST_CASE_METHOD(fixture, "a batch ends with the first statement that fails") {
  pool.expect("select 1");
  pool.expect("select 2").fail(fail(errc::query_failed, "told to"));
  auto lease = checkout();
  auto results =
      ask<std::vector<pg_result>>(pool.actor(), execute_atom_v, call_context{},
                                  pg_batch{lease,
                                           {make_statement("select 1"), make_statement("select 2"),
                                            make_statement("select 3")}});
  REQUIRE(!results);
  CHECK(results.error() == errc::query_failed);
  CHECK(detail(results.error()).fields == std::vector<field>{{"statement", int64_t{1}}});
  pool.verify();
  CHECK(pool.journal() ==
        journal{"checkout", "lease 1: execute select 1", "lease 1: execute select 2"});
}

TEST_CASE_METHOD(fixture, "a scripted stream comes in chunks, and a step too many is refused") {
  pool.expect_stream("select id from product where id > $1", 0)
      .answer(query_result({"id"}, {make_params(1), make_params(2), make_params(std::nullopt)}));
  auto lease = checkout();
  auto step = [&](pg_transfer_action what, pg_statement statement = {}) {
    return ask<pg_chunk>(pool.actor(), transfer_atom_v, call_context{},
                         pg_transfer{lease, what, std::move(statement), {2}, {}});
  };
  auto chunk =
      step(pg_transfer_action::stream, make_statement("select id from product where id > $1", 0));
  REQUIRE(chunk);
  CHECK(chunk->rows.rows() == 2);
  CHECK_FALSE(chunk->last);
  chunk = step(pg_transfer_action::next);
  REQUIRE(chunk);
  CHECK(chunk->rows.row(0).is_null(0));
  CHECK(chunk->last);
  pool.verify();
  CHECK(step(pg_transfer_action::next).error() == errc::invalid_argument);
  CHECK_THROWS(pool.verify());
}

TEST_CASE_METHOD(fixture, "a scripted COPY takes data and answers when it is finished") {
  pool.expect_copy_in("copy product from stdin").answer(command_result("COPY 2"));
  pool.expect_copy_in("copy product from stdin").fail(fail(errc::query_failed, "told to"));
  auto lease = checkout();
  auto step = [&](pg_transfer_action what, std::string sql = {}, std::string data = {}) {
    return ask<pg_chunk>(pool.actor(), transfer_atom_v, call_context{},
                         pg_transfer{lease, what, make_statement(std::move(sql)), {}, blob{data}});
  };
  CHECK(step(pg_transfer_action::copy_in, "copy product from stdin"));
  CHECK(step(pg_transfer_action::write, "", "1\n2\n"));
  auto last = step(pg_transfer_action::finish);
  REQUIRE(last);
  CHECK(last->rows.affected_rows() == 2);
  CHECK(step(pg_transfer_action::copy_in, "copy product from stdin"));
  CHECK(step(pg_transfer_action::finish).error() == errc::query_failed);
  CHECK(step(pg_transfer_action::stop));
  pool.verify();
  CHECK(pool.journal() == journal{"checkout", "lease 1: copy_in copy product from stdin",
                                  "lease 1: write 1\n2\n", "lease 1: finish",
                                  "lease 1: copy_in copy product from stdin", "lease 1: finish",
                                  "lease 1: stop"});
}

TEST_CASE_METHOD(fixture, "checkout, begin, commit and rollback fail if they are told to") {
  pool.expect_checkout().fail(fail(errc::pool_exhausted, "full"));
  pool.expect_begin().fail(fail(errc::connection_lost, "gone"));
  pool.expect_commit().fail(fail(errc::in_doubt, "who knows"));
  pool.expect_rollback().fail(fail(errc::connection_lost, "gone"));
  auto none = ask<pg_lease>(pool.actor(), checkout_atom_v, call_context{}, pg_checkout{});
  CHECK(none.error() == errc::pool_exhausted);
  auto lease = checkout();
  CHECK(lease.id == 1);
  CHECK(tell(begin_atom_v, pg_transaction{lease}).error() == errc::connection_lost);
  CHECK(tell(commit_atom_v, lease).error() == errc::in_doubt);
  CHECK(tell(rollback_atom_v, lease).error() == errc::connection_lost);
  pool.verify();
}

TEST_CASE_METHOD(fixture, "the answers on one lease come in the order of the requests") {
  pool.expect("slow").after(200ms);
  auto lease = checkout();
  auto slow = execute_on(lease, "slow");
  auto commit = request<void>(pool.actor(), commit_atom_v, call_context{}, lease);
  advance(199ms);
  CHECK(!commit.answered());
  advance(1ms);
  CHECK(slow.get());
  CHECK(commit.get());
}

TEST_CASE_METHOD(fixture, "use after release is refused, a second release is harmless") {
  auto lease = checkout();
  CHECK(tell(release_atom_v, lease));
  CHECK(tell(release_atom_v, lease));
  CHECK(tell(commit_atom_v, lease).error() == errc::invalid_argument);
  CHECK_THROWS_WITH(pool.verify(), ContainsSubstring("commit on lease 1, which nobody holds"));
}

TEST_CASE_METHOD(fixture, "a lease whose owner dies is taken back") {
  auto owner = std::make_unique<answer_counter>(sys());
  auto lease =
      owner->request<pg_lease>(pool.actor(), checkout_atom_v, call_context{}, pg_checkout{});
  run();
  CHECK(ask<pool_stats>(pool.actor(), report_atom_v, call_context{})->leases == 1);
  auto holders = ask<std::vector<pg_holder>>(pool.actor(), holders_atom_v, call_context{});
  CHECK(holders->front().lease == *lease.get());
  CHECK(holders->front().owner == owner->self()->id());
  owner.reset();
  run();
  CHECK(pool.journal().back() == "lease 1: its owner died");
  CHECK(ask<pool_stats>(pool.actor(), report_atom_v, call_context{})->leases == 0);
}
