// What a caller is told when it is CAF that gives up on a request.
#include "dbs/actors/client/blocking_ask.hpp"
#include "dbs/actors/client/database_client.hpp"

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/event_based_actor.hpp>

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <future>
#include <vector>

using namespace dbs;
using namespace std::chrono_literals;

namespace {

template <class T>
caf::result<T> never() {
  return caf::delegated<T>{};
}

/// A pool that takes requests, tells who asked for a lease, and answers nothing.
postgres_pool_actor::behavior_type silent_pool(postgres_pool_actor::pointer self,
                                               std::promise<caf::strong_actor_ptr>* owner) {
  return {
      [](execute_atom, const call_context&, const pg_statement&) { return never<pg_result>(); },
      [](execute_atom, const call_context&, const pg_lease_statement&) {
        return never<pg_result>();
      },
      [](execute_atom, const call_context&, const pg_batch&) {
        return never<std::vector<pg_result>>();
      },
      [=](checkout_atom, const call_context&, const pg_checkout&) {
        owner->set_value(self->current_sender());
        return never<pg_lease>();
      },
      [](release_atom, const call_context&, pg_lease) { return never<void>(); },
      [](begin_atom, const call_context&, const pg_transaction&) { return never<void>(); },
      [](commit_atom, const call_context&, pg_lease) { return never<void>(); },
      [](rollback_atom, const call_context&, pg_lease) { return never<void>(); },
      [](savepoint_atom, const call_context&, const pg_savepoint&) { return never<void>(); },
      [](transfer_atom, const call_context&, const pg_transfer&) { return never<pg_chunk>(); },
      [](report_atom, const call_context&) { return never<pool_stats>(); },
      [](holders_atom, const call_context&) { return never<std::vector<pg_holder>>(); },
  };
}

struct scene {
  caf::actor_system_config config;
  caf::actor_system system{config};
  std::promise<caf::strong_actor_ptr> owner;
  postgres_pool_actor pool = system.spawn(silent_pool, &owner);

  ~scene() { caf::anon_send_exit(pool, caf::exit_reason::kill); }
};

} // namespace

TEST_CASE("a timeout at a blocking edge is deadline_exceeded and admits that it knows nothing") {
  auto reason = as_service_error(caf::make_error(caf::sec::request_timeout));
  CHECK(reason == errc::deadline_exceeded);
  CHECK(detail(reason).what.find("unknown") != std::string::npos);
}

TEST_CASE("whatever else CAF says about a request is restarted") {
  for (auto code :
       {caf::sec::request_receiver_down, caf::sec::broken_promise, caf::sec::unexpected_message}) {
    auto reason = as_service_error(caf::make_error(code));
    CHECK(reason == errc::restarted);
    CHECK(detail(reason).what.find(to_string(code)) != std::string::npos);
  }
  CHECK(as_service_error(fail(errc::draining, "x")) == errc::draining);
}

TEST_CASE("the edge waits a little longer than the call, and for ever if that cannot be told") {
  call_options options;
  CHECK(edge_timeout(options) == caf::timespan{caf::infinite});
  options.timeout = 3s;
  CHECK(edge_timeout(options) == 3s + blocking_grace);
  options.timeout = caf::timespan::max();
  CHECK(edge_timeout(options) == caf::timespan{caf::infinite});
  options.timeout = caf::timespan::max() - blocking_grace / 2;
  CHECK(edge_timeout(options) == caf::timespan{caf::infinite});
}

TEST_CASE("a service that does not answer costs a blocking caller no more than its timeout") {
  scene x;
  auto result = database_client{x.pool}.within(1ms).sync(x.system).execute("select 1");
  REQUIRE(!result);
  CHECK(result.error() == errc::deadline_exceeded);
}

TEST_CASE("a checkout that was given up has no living owner: a late grant is taken back") {
  scene x;
  auto database = database_client{x.pool}.within(1ms).sync(x.system);
  REQUIRE(!database.checkout());
  auto owner = x.owner.get_future().get();
  caf::scoped_actor observer{x.system};
  observer->monitor(caf::actor_cast<caf::actor>(owner));
  observer->receive([](const caf::down_msg&) {},
                    caf::after(10s) >> [] { FAIL("the owner lives on"); });
}
