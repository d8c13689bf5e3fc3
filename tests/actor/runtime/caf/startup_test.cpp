#include "dbs/runtime/caf/startup.hpp"

#include "dbs/messages/manager/control.hpp"
#include "dbs/runtime/caf/loop_actor.hpp"
#include "dbs/testing/fixture/actor_fixture.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace dbs;

namespace {

using starting_actor = caf::typed_actor<caf::result<void>(start_atom, call_context),
                                        caf::result<void>(ready_atom, call_context)>;

struct starting_state {
  using actor_type = starting_actor;
  static inline const char* name = "dbs.tests.starting";

  starting_state(loop_actor<actor_type>* ptr, std::shared_ptr<startup> what)
      : self(ptr), progress(std::move(what)) {}

  actor_type::behavior_type make_behavior() {
    return {
        [this](start_atom, const call_context&) { return progress->start(self); },
        [this](ready_atom, const call_context&) { return progress->ready(self); },
    };
  }

  loop_actor<actor_type>* self;
  std::shared_ptr<startup> progress;
};

struct fixture : testing::actor_fixture {
  testing::pending_answer<void> start() { return send(start_atom_v); }
  testing::pending_answer<void> ready() { return send(ready_atom_v); }

  template <class Verb>
  testing::pending_answer<void> send(Verb verb) {
    auto result = request<void>(actor, verb, call_context{});
    run();
    return result;
  }

  std::shared_ptr<startup> progress = std::make_shared<startup>();
  starting_actor actor = spawn_on_loop<starting_state>(progress);
  const caf::error refused = fail(errc::connection_lost, "refused");
};

} // namespace

TEST_CASE_METHOD(fixture, "success answers start and ready, the early and the late") {
  auto started = start();
  auto is_ready = ready();
  CHECK_FALSE(started.answered());
  CHECK_FALSE(is_ready.answered());
  CHECK_FALSE(progress->is_ready());
  progress->succeeded();
  CHECK(progress->is_ready());
  CHECK(started.get());
  CHECK(is_ready.get());
  CHECK(start().get());
  CHECK(ready().get());
}

TEST_CASE_METHOD(fixture, "failure answers start, and ready waits for the success after it") {
  auto started = start();
  auto is_ready = ready();
  progress->failed(refused);
  CHECK(started.get().error() == errc::connection_lost);
  CHECK(start().get().error() == errc::connection_lost);
  CHECK_FALSE(is_ready.answered());
  progress->failed(refused);
  CHECK_FALSE(is_ready.answered());
  progress->succeeded();
  CHECK(is_ready.get());
  CHECK(start().get());
}

TEST_CASE_METHOD(fixture, "a manager that fails after it was ready is waited for again") {
  progress->succeeded();
  progress->failed(refused);
  CHECK_FALSE(progress->is_ready());
  CHECK_FALSE(ready().answered());
}

TEST_CASE_METHOD(fixture, "the end answers everybody with its reason") {
  auto started = start();
  auto is_ready = ready();
  progress->ended(fail(errc::draining, "shutting down"));
  CHECK(started.get().error() == errc::draining);
  CHECK(is_ready.get().error() == errc::draining);
  CHECK(start().get().error() == errc::draining);
  CHECK_FALSE(progress->is_ready());
}

TEST_CASE_METHOD(fixture, "who waits is answered restarted when the manager dies") {
  auto is_ready = ready();
  caf::anon_send_exit(actor, caf::exit_reason::kill);
  progress = nullptr;
  run();
  CHECK(is_ready.get().error() == errc::restarted);
}
