#include "dbs/runtime/caf/reply.hpp"

#include "actor/runtime/caf/probe_actor.hpp"

#include "dbs/testing/fixture/actor_fixture.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace dbs;
using namespace dbs::tests;

namespace {

struct fixture : testing::actor_fixture {
  testing::pending_answer<int32_t> put(int32_t x) {
    auto result = request<int32_t>(probe, caf::put_atom_v, call_context{}, x);
    run();
    return result;
  }

  /// The reply to the last `put`.
  reply<int32_t> take() {
    auto& open = actor_of<probe_state>(probe).state.open;
    auto result = std::move(open.back().answer);
    open.pop_back();
    return result;
  }

  probe_actor probe = spawn_on_loop<probe_state>();
};

} // namespace

TEST_CASE_METHOD(fixture, "a reply answers once, whatever is delivered afterwards") {
  auto answer = put(1);
  auto owed = take();
  REQUIRE(owed);
  CHECK(owed.receiver() == asker().self());
  owed.deliver(7);
  CHECK_FALSE(owed);
  owed.deliver(8);
  owed.deliver(fail(errc::overloaded, "no"));
  CHECK(answer.answers() == 1);
  CHECK(answer.get() == 7);
  CHECK(asker().surplus() == 0);
}

TEST_CASE_METHOD(fixture, "a reply may be an error") {
  auto answer = put(1);
  take().deliver(fail(errc::overloaded, "no"));
  CHECK(code_of(answer.get()) == errc::overloaded);
}

TEST_CASE_METHOD(fixture, "a reply that is destroyed answers restarted") {
  auto answer = put(1);
  {
    auto owed = take();
    CHECK(answer.answers() == 0);
  }
  CHECK(code_of(answer.get()) == errc::restarted);
}

TEST_CASE_METHOD(fixture, "the one who was moved to owes the answer, the one moved from nothing") {
  auto answer = put(1);
  auto first = take();
  {
    auto second = std::move(first);
    first.deliver(6); // NOLINT(bugprone-use-after-move): what a reply promises
    CHECK(answer.answers() == 0);
    first = std::move(second);
  }
  CHECK(answer.answers() == 0);
  first.deliver(7);
  CHECK(answer.get() == 7);
}

TEST_CASE_METHOD(fixture, "a reply that is assigned over answers restarted first") {
  auto former = put(1);
  auto owed = take();
  auto latter = put(2);
  owed = take();
  CHECK(code_of(former.get()) == errc::restarted);
  auto& same = owed;
  owed = std::move(same);
  CHECK(latter.answers() == 0);
  owed.deliver(7);
  CHECK(latter.get() == 7);
}

TEST_CASE_METHOD(fixture, "a message that is no request has nobody to answer to") {
  anon_mail(caf::put_atom_v, call_context{}, int32_t{1}).send(probe);
  run();
  auto owed = take();
  CHECK_FALSE(owed);
  owed.deliver(7);
}

TEST_CASE_METHOD(fixture, "a request is owed one reply, and a completion none") {
  auto answer = put(1);
  auto& actor = actor_of<probe_state>(probe);
  actor.enter([&] {
    CHECK(actor.current_mailbox_element() == nullptr); // not the one before, which has gone
    reply<int32_t> second{&actor};
    CHECK_FALSE(second);
  });
  CHECK(answer.answers() == 0);
  take().deliver(7);
  CHECK(answer.get() == 7);
}

TEST_CASE_METHOD(fixture, "a default reply is nobody's") {
  reply<void> none;
  CHECK_FALSE(none);
  none.deliver();
}

TEST_CASE_METHOD(fixture, "only requests are answered by answer_with, and each only once") {
  auto answers = [this](caf::mailbox_element& what) {
    answer_with(what, fail(errc::draining, "no"));
    return asker().surplus();
  };
  // The counter counts what it never asked for as surplus.
  auto request = caf::make_mailbox_element(asker().self(), caf::make_message_id(999), {}, 1);
  CHECK(answers(*request) == 1);
  request->mid.mark_as_answered();
  CHECK(answers(*request) == 1);
  auto plain = caf::make_mailbox_element(asker().self(), caf::make_message_id(), {}, 1);
  CHECK(answers(*plain) == 1);
  auto nobody = caf::make_mailbox_element(nullptr, caf::make_message_id(998), {}, 1);
  CHECK(answers(*nobody) == 1);
}
