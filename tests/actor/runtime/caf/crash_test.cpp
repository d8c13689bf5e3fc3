// Every way in which a manager can die, met by a request at every point of its life.
#include "dbs/runtime/caf/front.hpp"

#include "actor/runtime/caf/probe_actor.hpp"
#include "loop_entry.hpp"

#include "dbs/testing/fixture/actor_fixture.hpp"

#include <boost/asio/post.hpp>

#include <caf/scheduler/test_coordinator.hpp>

#include <catch2/catch_test_macros.hpp>

#include <optional>
#include <string>

using namespace dbs;
using namespace dbs::tests;
using namespace std::chrono_literals;

namespace {

enum class cause { handler, kill, completion, timer, make_behavior };

enum class phase {
  /// Sent after the front has heard of the death, before the next incarnation.
  stashed,
  /// Sent after the death, before the front has heard of it.
  before_notice,
  /// Behind what kills the child.
  in_mailbox,
  /// Its own handler is where the child dies.
  running,
  /// Taken by the child, which owes the answer.
  open,
  /// Handed on by the child to another manager, which owes the answer.
  delegated,
};

enum class outcome { served, restarted };

constexpr std::array causes{cause::handler, cause::kill, cause::completion, cause::timer,
                            cause::make_behavior};

constexpr std::array phases{phase::stashed, phase::before_notice, phase::in_mailbox,
                            phase::running, phase::open,          phase::delegated};

const char* name_of(cause x) {
  constexpr std::array names{"an exception in a handler", "an exit message",
                             "an exception in a completion", "an exception in a timer",
                             "an exception in make_behavior"};
  return names[static_cast<size_t>(x)];
}

const char* name_of(phase x) {
  constexpr std::array names{"stashed", "before the notice", "in the mailbox", "running",
                             "open",    "delegated"};
  return names[static_cast<size_t>(x)];
}

/// Nothing where the two cannot meet: one thread runs either a handler or a timer,
/// and what never had a behavior never took a request.
std::optional<outcome> expected(phase when, cause how) {
  switch (when) {
  case phase::stashed:
    return outcome::served;
  case phase::before_notice:
  case phase::in_mailbox:
    return outcome::restarted;
  case phase::running:
    if (how == cause::handler)
      return outcome::restarted;
    if (how == cause::kill)
      return outcome::served; // the handler that quits still answers
    return std::nullopt;
  case phase::open:
    if (how == cause::make_behavior)
      return std::nullopt;
    return outcome::restarted;
  case phase::delegated:
    if (how == cause::make_behavior)
      return std::nullopt;
    return outcome::served; // by the other manager, whatever becomes of the child
  }
  return std::nullopt;
}

struct scene : testing::actor_fixture {
  scene()
      : door(front::make(sys(), "probe")), service(caf::actor_cast<probe_actor>(door)),
        backend(spawn_on_loop<probe_state>()) {}

  testing::pending_answer<int32_t> get(int32_t x) {
    return request<int32_t>(service, caf::get_atom_v, call_context{}, x);
  }

  void start(bool broken = false) {
    probe_options options;
    options.broken = broken;
    options.backend = backend;
    child = spawn_on_loop<probe_state>(options);
    front::of(door).up(caf::actor_cast<caf::strong_actor_ptr>(child));
  }

  /// Makes everything ready for `crash`.
  void start_for(cause how) {
    start(how == cause::make_behavior);
    if (how != cause::make_behavior)
      run();
    if (how == cause::timer)
      ask<void>(child, caf::tick_atom_v, call_context{});
  }

  /// Kills the child as soon as the loop runs. Whatever is sent next is behind it.
  void crash(cause how) {
    switch (how) {
    case cause::handler:
      killers.push_back(request<int32_t>(child, caf::delete_atom_v, call_context{}));
      break;
    case cause::kill:
      caf::anon_send_exit(child, caf::exit_reason::kill);
      break;
    case cause::completion:
      boost::asio::post(loop().io(), [entry = loop_entry{&actor_of<probe_state>(child)}] {
        entry([] { throw std::runtime_error("lost"); });
      });
      break;
    case cause::timer:
      dynamic_cast<caf::scheduler::test_coordinator&>(sys().scheduler()).clock().advance_time(1s);
      break;
    case cause::make_behavior:
      break; // its first message does
    }
  }

  /// The request, brought to where it is when the child is dead, and a little beyond.
  testing::pending_answer<int32_t> meet(phase when, cause how) {
    if (when == phase::running) {
      start();
      auto result = how == cause::handler
                        ? request<int32_t>(service, caf::delete_atom_v, call_context{})
                        : request<int32_t>(service, caf::close_atom_v, call_context{}, 7);
      run();
      return result;
    }
    start_for(how);
    if (when == phase::in_mailbox) {
      crash(how);
      auto result = get(7);
      run();
      return result;
    }
    if (when == phase::open || when == phase::delegated) {
      auto result = when == phase::open
                        ? request<int32_t>(service, caf::put_atom_v, call_context{}, 7)
                        : request<int32_t>(service, caf::forward_atom_v, call_context{}, 7);
      run();
      CHECK(result.answers() == 0);
      crash(how);
      run();
      return result;
    }
    crash(how);
    run();
    if (when == phase::stashed)
      front::of(door).down();
    auto result = get(7);
    run();
    return result;
  }

  caf::strong_actor_ptr door;
  probe_actor service;
  probe_actor backend;
  probe_actor child;
  std::vector<testing::pending_answer<int32_t>> killers;
};

} // namespace

TEST_CASE("requests are answered exactly once wherever the crash meets them") {
  for (auto how : causes) {
    for (auto when : phases) {
      auto wanted = expected(when, how);
      if (!wanted)
        continue;
      INFO(name_of(when) << ", " << name_of(how));
      scene s;
      // given a request that is there when the child dies
      auto met = s.meet(when, how);
      // when the next incarnation comes, and what the child has handed on is done
      auto waits = when == phase::stashed || when == phase::delegated;
      CHECK(met.answers() == (waits ? 0 : 1));
      if (when != phase::stashed)
        front::of(s.door).down();
      auto next = s.get(8);
      s.run();
      CHECK(next.answers() == 0);
      s.start();
      s.run();
      CHECK(s.ask<void>(s.backend, caf::reset_atom_v, call_context{}));
      // then it has been answered, as has everybody else, once
      REQUIRE(met.answers() == 1);
      if (*wanted == outcome::served)
        CHECK(met.get() == 7);
      else
        CHECK(code_of(met.get()) == errc::restarted);
      REQUIRE(next.answers() == 1);
      CHECK(next.get() == 8);
      for (auto& killer : s.killers)
        CHECK(code_of(killer.get()) == errc::restarted);
      CHECK(s.asker().surplus() == 0);
      CHECK(s.asker().unanswered().empty());
    }
  }
}

TEST_CASE("a request that was handed on to a manager that dies is answered exactly once") {
  for (auto how : causes) {
    if (how == cause::make_behavior)
      continue;
    INFO(name_of(how));
    scene s;
    auto outer = s.spawn_on_loop<probe_state>(probe_options{.broken = false, .backend = s.service});
    s.start_for(how);
    auto request = s.request<int32_t>(outer, caf::forward_atom_v, call_context{}, 7);
    s.run();
    CHECK(request.answers() == 0);
    s.crash(how);
    s.run();
    CHECK(code_of(request.get()) == errc::restarted);
    CHECK(s.asker().surplus() == 0);
  }
}
