#include "dbs/runtime/caf/mail.hpp"

#include "actor/runtime/caf/probe_actor.hpp"

#include "dbs/runtime/caf/actor_name.hpp"
#include "dbs/testing/fixture/actor_fixture.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace dbs;
using namespace dbs::tests;

namespace {

struct fixture : testing::actor_fixture {
  fixture() { run(); }

  caf::disposable monitor(const probe_actor& whom) {
    caf::disposable result;
    watcher.enter([&] {
      result = watcher.monitor(whom, [this](const caf::error& reason) { told.push_back(reason); });
    });
    return result;
  }

  void kill(const probe_actor& whom) {
    caf::anon_send_exit(whom, caf::exit_reason::kill);
    run();
  }

  probe_actor watching = spawn_on_loop<probe_state>();
  probe_actor target = spawn_on_loop<probe_state>();
  loop_actor<probe_actor>& watcher = actor_of<probe_state>(watching);
  std::vector<caf::error> told;
};

} // namespace

TEST_CASE_METHOD(fixture, "a monitor tells once, in the actor, why the other has ended") {
  monitor(target);
  run();
  CHECK(told.empty());
  caf::anon_send_exit(target, caf::exit_reason::kill);
  CHECK(told.empty());
  run();
  REQUIRE(told.size() == 1);
  CHECK(told.front() == caf::exit_reason::kill);
  kill(target);
  CHECK(told.size() == 1);
}

TEST_CASE_METHOD(fixture, "a monitor of the dead tells at once, but not from inside the call") {
  kill(target);
  monitor(target);
  CHECK(told.empty());
  run();
  CHECK(told.size() == 1);
}

TEST_CASE_METHOD(fixture, "a monitor that is disposed tells nothing, even if the death is known") {
  monitor(target).dispose();
  kill(target);
  CHECK(told.empty());
  auto second = monitor(target); // queues its news
  second.dispose();
  run();
  CHECK(told.empty());
}

TEST_CASE_METHOD(fixture, "a monitor of nobody is none") {
  monitor(probe_actor{});
  run();
  CHECK(told.empty());
}

TEST_CASE_METHOD(fixture, "a monitor does not outlive its actor") {
  monitor(target);
  kill(watching);
  kill(target);
  CHECK(told.empty());
}

TEST_CASE_METHOD(fixture, "mail sends, requests and delegates") {
  auto outer = spawn_on_loop<probe_state>(probe_options{.broken = false, .backend = target});
  auto delegated = request<int32_t>(outer, caf::forward_atom_v, call_context{}, 7);
  run();
  std::optional<int32_t> answer;
  watcher.enter([&] {
    watcher.mail(caf::get_atom_v, call_context{}, int32_t{8})
        .request(target, caf::infinite)
        .then([&](int32_t x) { answer = x; });
    watcher.mail(caf::reset_atom_v, call_context{}).send(target);
  });
  run();
  CHECK(answer == 8);
  CHECK(delegated.get() == 7);
}

TEST_CASE_METHOD(fixture, "an actor is called by its name as far as it is known") {
  CHECK(actor_name(caf::actor_cast<caf::strong_actor_ptr>(target)) == "dbs.tests.probe");
  CHECK(actor_name(nullptr).empty());
}
