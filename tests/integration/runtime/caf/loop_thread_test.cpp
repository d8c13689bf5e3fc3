// Which thread runs what: needs real threads, so it is no test on virtual time.
#include "dbs/runtime/caf/front.hpp"
#include "dbs/runtime/caf/loop_actor.hpp"
#include "dbs/runtime/caf/program_config.hpp"

#include "actor/runtime/caf/probe_actor.hpp"

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/send.hpp>

#include <catch2/catch_test_macros.hpp>

#include <atomic>
#include <future>
#include <memory>
#include <string_view>
#include <thread>

using namespace dbs;
using namespace dbs::tests;
using namespace std::chrono_literals;

namespace {

constexpr int window = 64;

struct outcome {
  std::atomic<int> on_loop{0};
  std::atomic<int> values{0};
  std::atomic<int> errors{0};
  std::promise<void> sent;
  std::promise<void> done;
};

/// Sends `total` requests, up to `window` at a time, and notes where its handlers run.
template <class Verb>
void client(caf::event_based_actor* self, event_loop* loop, probe_actor service, Verb verb,
            call_context context, int total, outcome* out) {
  auto next = std::make_shared<std::function<void()>>();
  auto left = std::make_shared<int>(total);
  auto answered = [=](std::atomic<int>& counter) {
    if (loop->running_in_this_thread())
      ++out->on_loop;
    ++counter;
    if (out->values + out->errors == total) {
      *next = nullptr;
      out->done.set_value();
    } else if (*next) {
      (*next)();
    }
  };
  *next = [=] {
    if (*left == 0)
      return;
    --*left;
    self->request(service, caf::infinite, verb, context, int32_t{1})
        .then([=](int32_t) { answered(out->values); },
              [=](const caf::error&) { answered(out->errors); });
  };
  for (int i = 0; i < window; ++i)
    (*next)();
  out->sent.set_value();
}

/// The policy is CAF's, or what our own programs run with.
struct setting {
  std::string_view policy;
  event_loop::drive drive;
};

/// An actor system, a loop and a probe behind a front.
struct scene {
  explicit scene(const setting& how)
      : config(make_config(how.policy)), system(*config), loop(system, "probe", how.drive),
        door(front::make(system, "probe")), service(caf::actor_cast<probe_actor>(door)) {}

  ~scene() {
    caf::anon_send_exit(probe, caf::exit_reason::user_shutdown);
    probe = nullptr;
    service = nullptr;
    door = nullptr;
    system.await_all_actors_done();
    loop.stop();
  }

  void up() { front::of(door).up(caf::actor_cast<caf::strong_actor_ptr>(probe)); }

  /// Starts a client; `act` runs once its first requests are sent.
  template <class Verb, class F>
  void ask(Verb verb, call_context context, int total, F act) {
    system.spawn(client<Verb>, &loop, service, verb, context, total, &out);
    REQUIRE(out.sent.get_future().wait_for(60s) == std::future_status::ready);
    act();
    REQUIRE(out.done.get_future().wait_for(60s) == std::future_status::ready);
    CHECK(out.on_loop == 0);
  }

  /// Runs `fn` on the loop's thread and waits for it.
  template <class F>
  void on_loop(F fn) {
    std::promise<void> ran;
    loop.io().post([&] {
      fn();
      ran.set_value();
    });
    ran.get_future().wait();
  }

  static std::unique_ptr<caf::actor_system_config> make_config(std::string_view policy) {
    if (policy == "ours")
      return std::make_unique<program_config>();
    auto result = std::make_unique<caf::actor_system_config>();
    result->set("caf.scheduler.policy", std::string{policy});
    return result;
  }

  std::unique_ptr<caf::actor_system_config> config;
  caf::actor_system system;
  event_loop loop;
  caf::strong_actor_ptr door;
  probe_actor service;
  probe_actor probe = spawn_on<probe_state>(loop);
  outcome out;
};

constexpr setting settings[] = {
    {"sharing", event_loop::drive::thread},  {"sharing", event_loop::drive::lent},
    {"stealing", event_loop::drive::thread}, {"stealing", event_loop::drive::lent},
    {"ours", event_loop::drive::thread},     {"ours", event_loop::drive::lent}};

} // namespace

TEST_CASE("callers' handlers never run on a loop thread") {
  for (auto& how : settings) {
    scene s{how};
    s.up();
    s.ask(caf::get_atom_v, call_context{}, 20'000, [] {});
    CHECK(s.out.values == 20'000);
  }
}

TEST_CASE("callers' handlers never run on a loop thread: errors of a manager") {
  for (auto& how : settings) {
    scene s{how};
    s.up();
    s.ask(caf::get_atom_v, call_context::within({}, 0s), 20'000, [] {});
    CHECK(s.out.errors == 20'000);
  }
}

TEST_CASE("callers' handlers never run on a loop thread: what a dying manager answers") {
  for (auto& how : settings) {
    scene s{how};
    s.up();
    s.ask(caf::put_atom_v, call_context{}, window,
          [&s] { caf::anon_send_exit(s.probe, caf::exit_reason::kill); });
    CHECK(s.out.errors == window);
  }
}

TEST_CASE("callers' handlers never run on a loop thread: what a front has stashed") {
  for (auto& how : settings) {
    scene served{how};
    served.ask(caf::get_atom_v, call_context{}, window,
               [&] { served.on_loop([&] { served.up(); }); });
    CHECK(served.out.values == window);
    scene refused{how};
    auto late = call_context::within(refused.system.clock().now(), 1h);
    refused.ask(caf::get_atom_v, late, window,
                [&] { refused.on_loop([&] { front::of(refused.door).expire(late.deadline); }); });
    CHECK(refused.out.errors == window);
  }
}

TEST_CASE("the thread of CAF's clock runs no actors, however idle their loop") {
  for (auto& how : settings) {
    scene s{how};
    std::thread::id loops_own;
    s.on_loop([&] { loops_own = std::this_thread::get_id(); });
    std::promise<std::thread::id> ended_on;
    caf::actor_cast<caf::abstract_actor*>(s.probe)->attach_functor(
        [&](const caf::error&) { ended_on.set_value(std::this_thread::get_id()); });
    caf::delayed_anon_send(s.probe, 1ms, caf::close_atom_v, call_context{}, int32_t{1});
    auto thread = ended_on.get_future();
    REQUIRE(thread.wait_for(60s) == std::future_status::ready);
    CHECK(thread.get() == loops_own);
  }
}
