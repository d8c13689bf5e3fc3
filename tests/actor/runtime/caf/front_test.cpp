#include "dbs/runtime/caf/front.hpp"

#include "actor/runtime/caf/probe_actor.hpp"

#include "dbs/testing/fixture/actor_fixture.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace dbs;
using namespace dbs::tests;
using namespace std::chrono_literals;

namespace {

struct fixture : testing::actor_fixture {
  fixture()
      : front_ptr(front::make(sys(), "probe")), service(caf::actor_cast<probe_actor>(front_ptr)) {}

  front& door() { return front::of(front_ptr); }

  probe_actor start_child() {
    auto child = spawn_on_loop<probe_state>();
    door().up(caf::actor_cast<caf::strong_actor_ptr>(child));
    return child;
  }

  testing::pending_answer<int32_t> get(int32_t x, call_context context = {}) {
    return request<int32_t>(service, caf::get_atom_v, context, x);
  }

  caf::strong_actor_ptr front_ptr;
  probe_actor service;
};

errc code_of(const caf::expected<int32_t>& answer) {
  REQUIRE(!answer);
  REQUIRE(answer.error().category() == caf::type_id_v<errc>);
  return static_cast<errc>(answer.error().code());
}

} // namespace

TEST_CASE_METHOD(fixture, "a front hands requests to its child and the child answers the caller") {
  start_child();
  CHECK(ask<int32_t>(service, caf::get_atom_v, call_context{}, 7) == 7);
}

TEST_CASE_METHOD(fixture, "a front stashes in order while the child starts") {
  std::vector<testing::pending_answer<int32_t>> answers;
  for (int32_t i = 0; i < 10; ++i)
    answers.push_back(get(i));
  run();
  CHECK(!answers.front().answered());
  start_child();
  run();
  for (int32_t i = 0; i < 10; ++i)
    CHECK(answers[static_cast<size_t>(i)].get() == i);
}

TEST_CASE_METHOD(fixture, "a full stash answers overloaded and keeps what it has") {
  std::vector<testing::pending_answer<int32_t>> answers;
  for (size_t i = 0; i <= front::stash_capacity; ++i)
    answers.push_back(get(1));
  run();
  CHECK(code_of(answers.back().get()) == errc::overloaded);
  CHECK(door().stats().refused == 1);
  start_child();
  run();
  CHECK(answers.front().get() == 1);
  CHECK(answers[front::stash_capacity - 1].get() == 1);
}

TEST_CASE_METHOD(fixture, "a stashed request is answered when its deadline passes") {
  auto late = get(1, call_context::within(now(), 1s));
  auto patient = get(2);
  run();
  door().expire(now() + 999ms);
  run();
  CHECK(!late.answered());
  door().expire(now() + 1s);
  run();
  CHECK(code_of(late.get()) == errc::deadline_exceeded);
  start_child();
  run();
  CHECK(patient.get() == 2);
}

TEST_CASE_METHOD(fixture, "a draining front answers draining, also what it has stashed") {
  auto stashed = get(1);
  run();
  door().drain();
  auto later = get(2);
  run();
  CHECK(code_of(stashed.get()) == errc::draining);
  CHECK(code_of(later.get()) == errc::draining);
}

TEST_CASE_METHOD(fixture, "a front swallows exit and down messages") {
  start_child();
  caf::anon_send_exit(front_ptr, caf::exit_reason::kill);
  run();
  CHECK(door().stats().swallowed == 1);
  CHECK(ask<int32_t>(service, caf::get_atom_v, call_context{}, 7) == 7);
}

TEST_CASE_METHOD(fixture, "requests are answered exactly once wherever the crash meets them") {
  // given a request with an open promise, one that kills the child while it is
  // handled, one behind it in the mailbox, and one after the death
  auto child = start_child();
  auto open = request<int32_t>(service, caf::put_atom_v, call_context{}, 1);
  run();
  auto running = request<int32_t>(service, caf::delete_atom_v, call_context{});
  auto in_mailbox = get(2);
  // when the child crashes
  run();
  auto after_death = get(3);
  run();
  // then each is answered `restarted`, once (`get` throws on a second answer)
  CHECK(code_of(open.get()) == errc::restarted);
  CHECK(code_of(running.get()) == errc::restarted);
  CHECK(code_of(in_mailbox.get()) == errc::restarted);
  CHECK(code_of(after_death.get()) == errc::restarted);
  // and the next incarnation serves behind the same handle
  door().down();
  auto stashed = get(4);
  run();
  start_child();
  run();
  CHECK(stashed.get() == 4);
}

TEST_CASE_METHOD(fixture, "a front that is destroyed answers its stash") {
  auto stashed = get(1);
  run();
  service = nullptr;
  front_ptr = nullptr;
  run();
  CHECK(code_of(stashed.get()) == errc::draining);
}
