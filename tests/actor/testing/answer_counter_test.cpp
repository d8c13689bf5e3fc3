#include "dbs/testing/fixture/answer_counter.hpp"

#include "dbs/messages/call_context.hpp"
#include "dbs/messages/error_detail.hpp"
#include "dbs/runtime/caf/loop_actor.hpp"
#include "dbs/runtime/caf/owner_watch.hpp"
#include "dbs/testing/fixture/actor_fixture.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>

using namespace dbs;
using Catch::Matchers::Message;

namespace {

/// Answers a request as often as it says: what no actor of CAF's would do.
using stutterer = caf::typed_actor<caf::result<int32_t>(caf::get_atom, call_context, int32_t),
                                   caf::result<void>(caf::put_atom, call_context, std::string)>;

struct stutterer_state {
  using actor_type = stutterer;
  static inline const char* name = "dbs.tests.stutterer";

  explicit stutterer_state(loop_actor<stutterer>* ptr) : self(ptr) {}

  stutterer::behavior_type make_behavior() {
    return {
        [this](caf::get_atom, const call_context&, int32_t times) -> caf::result<int32_t> {
          auto* request = self->current_mailbox_element();
          for (int32_t i = 1; i <= times; ++i)
            request->sender->enqueue(nullptr, request->mid.response_id(), caf::make_message(i),
                                     nullptr);
          return reply<int32_t>::pending();
        },
        [this](caf::put_atom, const call_context&, const std::string& x) -> caf::result<void> {
          if (x == "watch me")
            owners.watch(self->current_mailbox_element()->sender);
          else if (!x.empty())
            return fail(errc::invalid_argument, x);
          return caf::unit;
        },
    };
  }

  loop_actor<stutterer>* self;
  int dead_owners = 0;
  owner_watch<loop_actor<stutterer>> owners{self, [this](uint64_t) { ++dead_owners; }};
};

struct fixture : testing::actor_fixture {
  testing::pending_answer<int32_t> get(int32_t times) {
    auto result = asker->request<int32_t>(peer, caf::get_atom_v, call_context{}, times);
    run();
    return result;
  }

  stutterer peer = spawn_on_loop<stutterer_state>();
  std::unique_ptr<testing::answer_counter> asker = std::make_unique<testing::answer_counter>(sys());
};

} // namespace

TEST_CASE_METHOD(fixture, "an answer counter tells no answer, one and two apart") {
  auto none = get(0);
  auto one = get(1);
  auto two = get(2);
  CHECK(!none.answered());
  CHECK(one.answers() == 1);
  CHECK(one.get() == 1);
  CHECK(two.answers() == 2);
  CHECK(asker->surplus() == 1);
}

TEST_CASE_METHOD(fixture, "an answer that did not come, or came twice, cannot be read") {
  auto to_peer = ") to dbs.tests.stutterer#" + std::to_string(peer.id());
  CHECK_THROWS_MATCHES(get(0).get(), std::logic_error,
                       Message("(get, 0" + to_peer + " has been answered 0 times"));
  CHECK_THROWS_MATCHES(get(2).get(), std::logic_error,
                       Message("(get, 2" + to_peer + " has been answered 2 times"));
}

TEST_CASE_METHOD(fixture, "an answer counter reads answers without a value and errors") {
  auto done = asker->request<void>(peer, caf::put_atom_v, call_context{}, "");
  auto refused = asker->request<void>(peer, caf::put_atom_v, call_context{}, "no");
  run();
  CHECK(done.get());
  CHECK(refused.get().error() == fail(errc::invalid_argument, "no"));
}

TEST_CASE_METHOD(fixture, "an answer counter lists what has not been answered, in order") {
  auto to_peer = ") to dbs.tests.stutterer#" + std::to_string(peer.id());
  auto one = get(0);
  get(1);
  auto two = asker->request<void>(peer, caf::put_atom_v, call_context{}, "x");
  CHECK(asker->unanswered() ==
        std::vector<std::string>{"(get, 0" + to_peer, "(put, \"x\"" + to_peer});
}

TEST_CASE_METHOD(fixture, "a surplus answer counts even if nobody looks at the request any more") {
  for (int32_t i = 0; i < 1000; ++i)
    get(2);
  CHECK(asker->surplus() == 1000);
}

TEST_CASE_METHOD(fixture, "a receiver that is dead answers once, too") {
  caf::anon_send_exit(peer, caf::exit_reason::kill);
  run();
  CHECK(get(1).get().error() ==
        fail(errc::restarted, "the manager stopped before it took the request"));
}

TEST_CASE_METHOD(fixture, "an answer counter that goes takes what it owns along") {
  auto& state = static_cast<caf::stateful_actor<stutterer_state, loop_actor<stutterer>>*>(
                    caf::actor_cast<caf::abstract_actor*>(peer))
                    ->state;
  asker->request<void>(peer, caf::put_atom_v, call_context{}, "watch me");
  run();
  CHECK(state.dead_owners == 0);
  asker.reset();
  run();
  CHECK(state.dead_owners == 1);
}
