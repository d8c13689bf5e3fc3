#include "dbs/runtime/caf/loop_actor.hpp"

#include "actor/runtime/caf/probe_actor.hpp"
#include "loop_entry.hpp"

#include "dbs/testing/fixture/actor_fixture.hpp"

#include <caf/scheduler/test_coordinator.hpp>

#include <catch2/catch_test_macros.hpp>

#include <string>

using namespace dbs;
using namespace dbs::tests;
using namespace std::chrono_literals;

namespace {

struct fixture : testing::actor_fixture {
  fixture() { run(); }

  testing::pending_answer<int32_t> get(call_context context = {}) {
    return request<int32_t>(probe, caf::get_atom_v, context, 7);
  }

  /// Moves the clock without running anybody.
  void pass(caf::timespan by) {
    dynamic_cast<caf::scheduler::test_coordinator&>(sys().scheduler()).clock().advance_time(by);
  }

  std::shared_ptr<int> handled = std::make_shared<int>(0);
  probe_actor probe =
      spawn_on_loop<probe_state>(probe_options{.broken = false, .backend = {}, .handled = handled});
  caf::strong_actor_ptr alive = caf::actor_cast<caf::strong_actor_ptr>(probe);
  loop_actor<probe_actor>& actor = actor_of<probe_state>(probe);
  loop_entry entry{&actor};
};

} // namespace

// -- deadlines -----------------------------------------------------------------------

TEST_CASE_METHOD(fixture, "a request that comes after its deadline is answered and not served") {
  auto late = get(call_context::within(now(), 0s));
  run();
  CHECK(code_of(late.get()) == errc::deadline_exceeded);
  CHECK(*handled == 0);
}

TEST_CASE_METHOD(fixture, "a request whose deadline passes in the mailbox is not served") {
  auto late = get(call_context::within(now(), 1s));
  auto later = get(call_context::within(now(), 1s + 1ns));
  auto patient = get();
  pass(1s);
  run();
  CHECK(code_of(late.get()) == errc::deadline_exceeded);
  CHECK(later.get() == 7);
  CHECK(patient.get() == 7);
  CHECK(*handled == 2);
}

TEST_CASE_METHOD(fixture, "a message without a sender is not worked on after its deadline either") {
  anon_mail(caf::put_atom_v, call_context::within(now(), 0s), int32_t{1}).send(probe);
  anon_mail(caf::put_atom_v, call_context{}, int32_t{1}).send(probe);
  run();
  CHECK(*handled == 1);
}

TEST_CASE_METHOD(fixture, "a request that is handed on keeps its deadline") {
  auto outer = spawn_on_loop<probe_state>(probe_options{.broken = false, .backend = probe});
  auto request =
      this->request<int32_t>(outer, caf::forward_atom_v, call_context::within(now(), 0s), 7);
  run();
  CHECK(code_of(request.get()) == errc::deadline_exceeded);
  CHECK(*handled == 0);
}

// -- time ----------------------------------------------------------------------------

TEST_CASE_METHOD(fixture, "a manager's time stands still while it handles one thing") {
  entry([this] {
    auto begun = actor.now();
    pass(1s);
    CHECK(actor.now() == begun);
  });
  entry([this] { CHECK(actor.now() == now()); });
}

// -- completions ---------------------------------------------------------------------

TEST_CASE_METHOD(fixture, "a completion may quit, which ends the actor and answers what is open") {
  auto open = request<int32_t>(probe, caf::put_atom_v, call_context{}, 1);
  run();
  auto waiting = get();
  entry([this] { actor.quit(); });
  CHECK(code_of(open.get()) == errc::restarted);
  CHECK(code_of(waiting.get()) == errc::restarted);
  CHECK(code_of(get().get()) == errc::restarted);
}

TEST_CASE_METHOD(fixture, "an exception in a completion is why the actor ends") {
  caf::error reason;
  caf::actor_cast<caf::abstract_actor*>(probe)->attach_functor(
      [&reason](const caf::error& why) { reason = why; });
  entry([] { throw std::runtime_error("the socket is gone"); });
  CHECK(reason == errc::restarted);
  CHECK(detail(reason).what.find("the socket is gone") != std::string::npos);
}

TEST_CASE_METHOD(fixture, "no completion runs in an actor that has ended") {
  entry([this] { actor.quit(); });
  auto ran = false;
  entry([&ran] { ran = true; });
  CHECK_FALSE(ran);
}

TEST_CASE_METHOD(fixture, "a completion may end the actor that only it keeps alive") {
  auto destroyed = std::make_shared<int>(0);
  std::weak_ptr<int> state = destroyed;
  auto lonely = spawn_on<probe_state>(
      loop(), probe_options{.broken = false, .backend = {}, .handled = std::move(destroyed)});
  auto last = std::make_unique<loop_entry>(&actor_of<probe_state>(lonely));
  auto* self = &actor_of<probe_state>(lonely);
  run();
  lonely = nullptr;
  (*last)([self] { self->quit(); });
  CHECK(state.expired());
  last.reset();
}

// -- timers --------------------------------------------------------------------------

TEST_CASE_METHOD(fixture,
                 "timers run in the actor at their time, the earlier one added later too") {
  std::string journal;
  auto add = [&](caf::timespan in, char mark) {
    return actor.timers().schedule_after(in, [&journal, mark] { journal += mark; });
  };
  add(3s, 'c');
  auto cancelled = add(2s, 'b');
  add(1s, 'a');
  actor.timers().cancel(cancelled);
  advance(999ms);
  CHECK(journal.empty());
  advance(1ms);
  CHECK(journal == "a");
  advance(1999ms);
  CHECK(journal == "a");
  advance(1ms);
  CHECK(journal == "ac");
}

TEST_CASE_METHOD(fixture, "a timer that schedules another is followed by it") {
  auto ticks = 0;
  std::function<void()> tick = [&] {
    ++ticks;
    actor.timers().schedule_after(1s, tick);
  };
  tick();
  advance(100s);
  CHECK(ticks == 101);
}

TEST_CASE_METHOD(fixture, "a timer may quit") {
  auto open = request<int32_t>(probe, caf::put_atom_v, call_context{}, 1);
  run();
  actor.timers().schedule_after(1s, [this] { actor.quit(); });
  advance(1s);
  CHECK(code_of(open.get()) == errc::restarted);
}

TEST_CASE_METHOD(fixture, "an answer that only a timer holds is given when the actor dies") {
  // given a reply in a timer, and a handle that keeps the dead actor in memory
  auto open = request<int32_t>(probe, caf::put_atom_v, call_context{}, 1);
  run();
  auto& owed = actor_of<probe_state>(probe).state.open;
  actor.timers().schedule_after(
      1h, [held = std::make_shared<reply<int32_t>>(std::move(owed.back().answer))] {});
  owed.clear();
  CHECK(open.answers() == 0);
  // when
  caf::anon_send_exit(probe, caf::exit_reason::kill);
  run();
  // then
  CHECK(code_of(open.get()) == errc::restarted);
  CHECK(actor.timers().size() == 0);
}
