#include "dbs/messages/call_context.hpp"

#include "unit/messages/serialize.hpp"

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/deep_to_string.hpp>
#include <caf/scheduler/test_coordinator.hpp>
#include <caf/scoped_execution_unit.hpp>

#include <catch2/catch_test_macros.hpp>

#include <chrono>

using dbs::call_context;
using namespace std::chrono_literals;

namespace {

struct config : caf::actor_system_config {
  config() { set("caf.scheduler.policy", "testing"); }
};

/// An actor system whose clock only moves when told to.
struct process {
  config cfg;
  caf::actor_system sys{cfg};
  caf::scoped_execution_unit unit{&sys};

  auto& clock() { return dynamic_cast<caf::scheduler::test_coordinator&>(sys.scheduler()).clock(); }

  void advance(caf::timespan x) { clock().advance_time(x); }
};

} // namespace

TEST_CASE("a deadline leaves the process as the duration that is left") {
  // Given two processes whose clocks have nothing in common,
  process sender;
  process receiver;
  sender.advance(1h);
  receiver.advance(5s);
  // when a request with 10 seconds to go is sent after 3 of them
  auto context = call_context::within(sender.clock().now(), 10s);
  sender.advance(3s);
  auto bytes = dbs::test::serialize(context, &sender.unit);
  auto copy = dbs::test::deserialize<call_context>(bytes, &receiver.unit);
  // then it has 7 seconds there.
  REQUIRE(copy);
  CHECK(copy->deadline == receiver.clock().now() + 7s);
}

TEST_CASE("the bytes of a context with a deadline stay what they were") {
  process here;
  auto context = call_context::within(here.clock().now(), 1500ms);
  context.caller = dbs::caller_class::batch;
  context.principal = "ada";
  context.trace_id_high = 1;
  context.trace_id_low = 2;
  // A flag, nanoseconds that are left, the class, the principal, the trace.
  CHECK(dbs::test::hex(dbs::test::serialize(context, &here.unit)) == "01"
                                                                     "0000000059682f00"
                                                                     "01"
                                                                     "03616461"
                                                                     "0000000000000001"
                                                                     "0000000000000002");
}

TEST_CASE("the context of a message is its second element, if it is one") {
  using dbs::context_of;
  auto with = caf::make_message(1, call_context::within(call_context::time_point{}, 1s));
  REQUIRE(context_of(with) != nullptr);
  CHECK(context_of(with)->deadline == call_context::time_point{} + 1s);
  CHECK(context_of(caf::make_message()) == nullptr);
  CHECK(context_of(caf::make_message(call_context{})) == nullptr);
  CHECK(context_of(caf::make_message(1, 2)) == nullptr);
}

TEST_CASE("a deadline that has passed is still passed elsewhere") {
  process here;
  here.advance(1h);
  auto context = call_context::within(here.clock().now(), 1s);
  here.advance(2s);
  auto copy =
      dbs::test::deserialize<call_context>(dbs::test::serialize(context, &here.unit), &here.unit);
  REQUIRE(copy);
  CHECK(copy->expired(here.clock().now()));
  CHECK(copy->deadline == here.clock().now() - 1s);
}

TEST_CASE("no deadline stays no deadline, and everything else travels too") {
  process here;
  call_context context;
  context.caller = dbs::caller_class::admin;
  context.principal = "ada";
  context.trace_id_high = 1;
  context.trace_id_low = 2;
  auto copy =
      dbs::test::deserialize<call_context>(dbs::test::serialize(context, &here.unit), &here.unit);
  REQUIRE(copy);
  CHECK_FALSE(copy->has_deadline());
  CHECK(copy->caller == dbs::caller_class::admin);
  CHECK(copy->principal == "ada");
  CHECK(copy->trace_id_high == 1);
  CHECK(copy->trace_id_low == 2);
}

TEST_CASE("a deadline too far away to be represented is none") {
  auto now = call_context::time_point{} + 24h;
  CHECK_FALSE(call_context::within(now, caf::timespan::max()).has_deadline());
  CHECK(call_context::within(now, 1s).deadline == now + 1s);
  CHECK(call_context::within(now, -1s).expired(now));
}

TEST_CASE("a context without a clock of its own takes the machine's") {
  auto context = call_context::within(std::chrono::steady_clock::now(), 1h);
  auto copy = dbs::test::deserialize<call_context>(dbs::test::serialize(context));
  REQUIRE(copy);
  CHECK(copy->deadline >= context.deadline);
  CHECK(copy->deadline <= std::chrono::steady_clock::now() + 1h);
}

TEST_CASE("a context can be printed") {
  CHECK(caf::deep_to_string(call_context{}).find("internal") != std::string::npos);
}
