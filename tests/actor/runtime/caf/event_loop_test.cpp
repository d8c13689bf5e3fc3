#include "dbs/runtime/caf/event_loop.hpp"

#include "actor/runtime/caf/probe_actor.hpp"

#include "dbs/testing/eventually.hpp"
#include "dbs/testing/fixture/actor_fixture.hpp"

#include <boost/asio/post.hpp>

#include <caf/event_based_actor.hpp>

#include <catch2/catch_test_macros.hpp>

#include <future>

using namespace dbs;
using namespace dbs::tests;
using namespace std::chrono_literals;

namespace {

struct fixture : testing::actor_fixture {
  testing::pending_answer<int32_t> get(const probe_actor& whom) {
    return request<int32_t>(whom, caf::get_atom_v, call_context{}, 7);
  }
};

caf::resumable* resumable_of(const caf::actor& whom) {
  return dynamic_cast<caf::resumable*>(caf::actor_cast<caf::abstract_actor*>(whom));
}

} // namespace

TEST_CASE_METHOD(fixture, "a loop runs what was posted before it stops, and stops only once") {
  event_loop loop{sys(), "short"};
  std::promise<bool> ran;
  boost::asio::post(loop.io(), [&] { ran.set_value(loop.running_in_this_thread()); });
  CHECK_FALSE(loop.running_in_this_thread());
  loop.stop();
  CHECK(ran.get_future().get());
  CHECK(loop.stopped());
  loop.stop();
}

TEST_CASE_METHOD(fixture, "an actor that is no loop actor goes to the scheduler") {
  auto guest =
      track(sys().spawn([](caf::event_based_actor*) -> caf::behavior { return {[](int32_t) {}}; }));
  run();
  auto* what = resumable_of(guest);
  // given the reference that CAF hands over with an actor
  caf::intrusive_ptr_add_ref(what);
  loop().exec_later(what);
  CHECK(loop().poll() == 0);
  CHECK(run() == 1);
}

TEST_CASE_METHOD(fixture, "a request to an actor that outlives its loop is answered draining") {
  event_loop gone{sys(), "gone", event_loop::drive::manual};
  auto probe = track(spawn_on<probe_state>(gone));
  gone.poll();
  auto owed = request<int32_t>(probe, caf::put_atom_v, call_context{}, 1);
  gone.poll();
  gone.stop();
  // when requests come afterwards, the first of which finds the mailbox waiting
  auto first = get(probe);
  auto second = get(probe);
  // then they are answered at once
  CHECK(code_of(first.get()) == errc::draining);
  CHECK(code_of(second.get()) == errc::draining);
  // and the promise that is open goes with the actor
  CHECK(owed.answers() == 0);
}

TEST_CASE_METHOD(fixture, "an actor that its loop never ran answers, too") {
  event_loop gone{sys(), "gone"};
  boost::asio::post(gone.io(), [&gone] { gone.io().stop(); });
  testing::eventually([&gone] { return gone.io().stopped(); });
  // given an actor and a request that the loop has not come to
  auto probe = track(spawn_on<probe_state>(gone));
  auto waiting = get(probe);
  CHECK(waiting.answers() == 0);
  // when the loop ends
  gone.stop();
  // then
  CHECK(code_of(waiting.get()) == errc::draining);
  CHECK(code_of(get(probe).get()) == errc::draining);
}

TEST_CASE_METHOD(fixture, "one that is spawned on a loop that has ended answers draining") {
  event_loop gone{sys(), "gone", event_loop::drive::manual};
  gone.stop();
  auto probe = track(spawn_on<probe_state>(gone));
  CHECK(code_of(get(probe).get()) == errc::draining);
}
