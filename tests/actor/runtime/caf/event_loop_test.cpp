#include "dbs/runtime/caf/event_loop.hpp"

#include "actor/runtime/caf/probe_actor.hpp"

#include "dbs/testing/eventually.hpp"
#include "dbs/testing/fixture/actor_fixture.hpp"

#include <boost/asio/post.hpp>

#include <caf/event_based_actor.hpp>
#include <caf/send.hpp>
#include <caf/typed_actor.hpp>

#include <catch2/catch_test_macros.hpp>

#include <future>
#include <memory>
#include <thread>
#include <vector>

using namespace dbs;
using namespace dbs::tests;
using namespace std::chrono_literals;

namespace {

struct fixture : testing::actor_fixture {
  /// Whether somebody waits for the scheduler.
  bool has_job() {
    return static_cast<caf::scheduler::test_coordinator&>(sys().scheduler()).has_job();
  }

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

TEST_CASE_METHOD(fixture, "callers that a loop wakes run once it has done what is ready") {
  auto guest =
      track(sys().spawn([](caf::event_based_actor*) -> caf::behavior { return {[](int32_t) {}}; }));
  run();
  event_loop busy{sys(), "busy"};
  std::vector<bool> waits;
  std::promise<void> ended;
  auto look = [&] { waits.push_back(has_job()); };
  auto wake = [&] {
    auto* what = resumable_of(guest);
    caf::intrusive_ptr_add_ref(what);
    busy.exec_later(what);
    look();
    boost::asio::post(busy.io(), [&] {
      look();
      ended.set_value();
    });
  };
  // when one of two handlers that are ready wakes a caller
  boost::asio::post(busy.io(), [&] {
    boost::asio::post(busy.io(), wake);
    boost::asio::post(busy.io(), look);
  });
  ended.get_future().wait();
  busy.stop();
  // then the other does not find it with the scheduler yet, and what comes later does
  CHECK(waits == std::vector{false, false, true});
  CHECK(run() == 1);
}

TEST_CASE_METHOD(fixture, "a loop that ends leaves no caller asleep") {
  auto guest =
      track(sys().spawn([](caf::event_based_actor*) -> caf::behavior { return {[](int32_t) {}}; }));
  run();
  event_loop busy{sys(), "busy"};
  boost::asio::post(busy.io(), [&] {
    auto* what = resumable_of(guest);
    caf::intrusive_ptr_add_ref(what);
    busy.exec_later(what);
    busy.io().stop();
  });
  testing::eventually([&busy] { return busy.io().stopped(); });
  busy.stop();
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

// -- lent turns --------------------------------------------------------------------

namespace {

using witness_actor = caf::typed_actor<caf::result<void>(caf::get_atom)>;

/// Where a message was handled.
struct testimony {
  std::thread::id thread;
  bool as_loop;

  bool operator==(const testimony&) const = default;
};

struct witness_state {
  using actor_type = witness_actor;
  static inline const char* name = "dbs.tests.witness";

  witness_state(loop_actor<witness_actor>* ptr, std::vector<testimony>* out)
      : self(ptr), seen(out) {}

  witness_actor::behavior_type make_behavior() {
    return {[this](caf::get_atom) {
      seen->push_back({std::this_thread::get_id(), self->loop().running_in_this_thread()});
    }};
  }

  loop_actor<witness_actor>* self;
  std::vector<testimony>* seen;
};

struct lent_fixture : fixture {
  /// Actors must not outlive their loop.
  ~lent_fixture() {
    for (auto& x : on_lent)
      caf::anon_send_exit(x, caf::exit_reason::kill);
  }

  template <class State, class... Ts>
  typename State::actor_type spawn_lent(Ts&&... xs) {
    auto result = spawn_on<State>(lent, std::forward<Ts>(xs)...);
    on_lent.push_back(caf::actor_cast<caf::actor>(result));
    return result;
  }

  /// Runs `body` on the thread of `loop`, in its turn, and waits for it. Returns the
  /// thread.
  template <class F>
  std::thread::id on(event_loop& where, F body) {
    std::promise<std::thread::id> ran;
    where.io().post([&] {
      body();
      ran.set_value(std::this_thread::get_id());
    });
    return ran.get_future().get();
  }

  void ask() { caf::anon_send(witness, caf::get_atom_v); }

  std::vector<testimony> seen;
  event_loop lent{sys(), "lent", event_loop::drive::lent};
  std::vector<caf::actor> on_lent;
  witness_actor witness = spawn_lent<witness_state>(&seen);
};

} // namespace

TEST_CASE_METHOD(lent_fixture, "who sends to a lent loop that waits runs its actors at once") {
  ask();
  CHECK(seen == std::vector{testimony{std::this_thread::get_id(), true}});
  CHECK_FALSE(lent.running_in_this_thread());
}

TEST_CASE_METHOD(lent_fixture, "a lent loop that is busy runs its actors itself") {
  std::promise<void> taken;
  std::promise<void> sent;
  lent.io().post([&] {
    taken.set_value();
    sent.get_future().wait();
  });
  taken.get_future().wait();
  ask();
  CHECK(seen.empty());
  sent.set_value();
  auto its_thread = on(lent, [] {});
  CHECK(seen == std::vector{testimony{its_thread, true}});
}

TEST_CASE_METHOD(lent_fixture, "who is a loop itself does not run another loop's actors") {
  event_loop other{sys(), "other"};
  auto other_thread = on(other, [this] { ask(); });
  auto its_thread = on(lent, [] {});
  CHECK(other_thread != its_thread);
  CHECK(seen == std::vector{testimony{its_thread, true}});
}

TEST_CASE_METHOD(lent_fixture, "callers that a borrower wakes run on the scheduler") {
  auto probe = spawn_lent<probe_state>();
  auto answer = 0;
  track(sys().spawn([&](caf::event_based_actor* self) {
    self->request(probe, caf::infinite, caf::put_atom_v, call_context{}, 7)
        .then([&answer](int32_t x) { answer = x; });
  }));
  run();
  CHECK_FALSE(has_job());
  // when somebody else has the manager answer
  caf::anon_send(probe, caf::reset_atom_v, call_context{});
  CHECK(answer == 0);
  CHECK(has_job());
  run();
  CHECK(answer == 7);
}

TEST_CASE_METHOD(lent_fixture, "a loop does not end while somebody has its turn") {
  auto mine = std::make_unique<loop_context::turn>(lent.io().take_turn());
  auto stopping = std::async(std::launch::async, [this] { lent.stop(); });
  // its thread has ended and only the turn is missing
  CHECK(testing::eventually([this] { return lent.io().stopped(); }));
  CHECK_FALSE(lent.stopped());
  mine.reset();
  stopping.get();
  CHECK(lent.stopped());
}
