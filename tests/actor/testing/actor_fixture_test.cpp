#include "dbs/testing/fixture/actor_fixture.hpp"

#include "actor/runtime/caf/probe_actor.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>

#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>

using namespace dbs;
using namespace dbs::tests;
using namespace std::chrono_literals;
using Catch::Matchers::Message;

namespace {

using ticker_actor = caf::typed_actor<caf::result<void>(caf::get_atom, caf::timespan)>;

/// Answers when the given time has passed, and ticks every second for ever.
struct ticker_state {
  using actor_type = ticker_actor;
  static inline const char* name = "dbs.tests.ticker";

  explicit ticker_state(loop_actor<ticker_actor>* ptr,
                        std::shared_ptr<std::vector<caf::timespan>> when_ticked = {})
      : self(ptr), ticks(std::move(when_ticked)) {}

  ticker_actor::behavior_type make_behavior() {
    started = self->now();
    tick();
    return {[this](caf::get_atom, caf::timespan delay) -> caf::result<void> {
      auto later = std::make_shared<reply<void>>(self);
      self->timers().schedule_after(delay, [later] { later->deliver(); });
      return reply<void>::pending();
    }};
  }

  void tick() {
    if (ticks)
      ticks->push_back(self->now() - started);
    self->timers().schedule_after(1s, [this] { tick(); });
  }

  loop_actor<ticker_actor>* self;
  std::shared_ptr<std::vector<caf::timespan>> ticks;
  caf::actor_clock::time_point started;
};

using relay_actor = caf::typed_actor<caf::result<int32_t>(caf::get_atom, int32_t)>;

/// Asks the probe and hands its answer on.
struct relay_state {
  using actor_type = relay_actor;
  static inline const char* name = "dbs.tests.relay";

  relay_state(loop_actor<relay_actor>* ptr, probe_actor target)
      : self(ptr), probe(std::move(target)) {}

  relay_actor::behavior_type make_behavior() {
    return {[this](caf::get_atom, int32_t x) {
      return self->mail(caf::get_atom_v, call_context{}, x).delegate(probe);
    }};
  }

  loop_actor<relay_actor>* self;
  probe_actor probe;
};

struct fixture : testing::actor_fixture {
  std::string to(const probe_actor& probe) {
    return ") to dbs.tests.probe#" + std::to_string(probe.id());
  }
};

} // namespace

TEST_CASE_METHOD(fixture, "ask throws naming what is pending, and moves no clock") {
  auto probe = spawn_on_loop<probe_state>();
  auto before = now();
  auto other = request<int32_t>(probe, caf::put_atom_v, call_context{}, 1);
  CHECK_THROWS_MATCHES(ask<int32_t>(probe, caf::put_atom_v, call_context{}, 2), std::logic_error,
                       Message("no answer: 2 requests are pending: (put, 2" + to(probe) +
                               ", (put, 1" + to(probe) +
                               "; no timer is pending, so time will not help"));
  CHECK(now() == before);
}

TEST_CASE_METHOD(fixture, "what is pending names the earliest timer and the latest requests") {
  CHECK(what_is_pending() == "no request is pending; no timer is pending, so time will not help");
  auto ticker = spawn_on_loop<ticker_state>();
  auto slow = request<void>(ticker, caf::get_atom_v, caf::timespan{200ms});
  run();
  CHECK(what_is_pending() == "1 request is pending: (get, 200ms) to dbs.tests.ticker#" +
                                 std::to_string(ticker.id()) +
                                 "; 2 timers are pending, the earliest in 200ms");
  auto probe = spawn_on_loop<probe_state>();
  std::vector<testing::pending_answer<int32_t>> many;
  for (int32_t i = 0; i < 7; ++i)
    many.push_back(request<int32_t>(probe, caf::put_atom_v, call_context{}, i));
  run();
  CHECK(what_is_pending().starts_with("8 requests are pending: (put, 6" + to(probe)));
  CHECK(what_is_pending().find("(put, 2" + to(probe) + " and 3 more; ") != std::string::npos);
}

TEST_CASE_METHOD(fixture, "a request that is answered is pending no more") {
  auto ticker = spawn_on_loop<ticker_state>();
  auto slow = request<void>(ticker, caf::get_atom_v, caf::timespan{200ms});
  advance(200ms);
  CHECK(slow.get());
  CHECK(what_is_pending().starts_with("no request is pending"));
}

TEST_CASE_METHOD(fixture, "advance runs every timer at its own time") {
  auto ticks = std::make_shared<std::vector<caf::timespan>>();
  spawn_on_loop<ticker_state>(ticks);
  run();
  advance(3500ms);
  CHECK(*ticks == std::vector<caf::timespan>{0s, 1s, 2s, 3s});
  advance(500ms);
  CHECK(ticks->back() == 4s);
}

TEST_CASE_METHOD(fixture, "time stands still while actors run") {
  auto ticks = std::make_shared<std::vector<caf::timespan>>();
  spawn_on_loop<ticker_state>(ticks);
  for (auto i = 0; i < 100; ++i)
    run();
  CHECK(ticks->size() == 1);
}

TEST_CASE_METHOD(fixture, "actors on several loops work together") {
  auto& first = add_loop("first");
  auto& second = add_loop("second");
  auto probe = track(spawn_on<probe_state>(first));
  auto relay = track(spawn_on<relay_state>(second, probe));
  CHECK(ask<int32_t>(relay, caf::get_atom_v, 7) == 7);
}

TEST_CASE("a fixture ends in spite of live timers, ticks and open requests") {
  testing::pending_answer<int32_t> open{nullptr};
  {
    fixture fix;
    fix.spawn_on_loop<ticker_state>();
    fix.track(spawn_on<ticker_state>(fix.add_loop("other")));
    open =
        fix.request<int32_t>(fix.spawn_on_loop<probe_state>(), caf::put_atom_v, call_context{}, 1);
    fix.advance(10s);
    REQUIRE(fix.pending_timers() > 0);
    REQUIRE(!open.answered());
  }
  CHECK(open.get().error() == errc::restarted);
}

TEST_CASE("a fixture that would wait for an actor for ever says so and aborts") {
  int output[2];
  REQUIRE(pipe(output) == 0);
  auto child = fork();
  if (child == 0) {
    dup2(output[1], STDERR_FILENO);
    std::signal(SIGABRT, SIG_DFL);
    caf::actor immortal;
    fixture fix;
    immortal = fix.sys().spawn([]() -> caf::behavior { return {[](int32_t x) { return x; }}; });
  }
  close(output[1]);
  std::array<char, 200> text{};
  CHECK(read(output[0], text.data(), text.size() - 1) > 0);
  close(output[0]);
  CHECK(std::string{text.data()} == "actor_fixture: actors that nobody stopped: 1; track() them\n");
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK((WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT));
}
