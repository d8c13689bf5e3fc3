// Which thread runs what: needs real threads, so it is no test on virtual time.
#include "dbs/runtime/caf/loop_actor.hpp"

#include "actor/runtime/caf/probe_actor.hpp"

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/event_based_actor.hpp>

#include <catch2/catch_test_macros.hpp>

#include <atomic>
#include <future>

using namespace dbs;
using namespace dbs::tests;
using namespace std::chrono_literals;

namespace {

constexpr int total = 20'000;

struct outcome {
  std::atomic<int> on_loop{0};
  std::atomic<int> answered{0};
  std::promise<void> done;
};

/// Sends requests, 64 at a time, and notes where its handlers run.
void client(caf::event_based_actor* self, event_loop* loop, probe_actor service, outcome* out) {
  auto next = std::make_shared<std::function<void()>>();
  auto sent = std::make_shared<int>(0);
  *next = [=] {
    if (*sent == total)
      return;
    ++*sent;
    self->request(service, caf::infinite, caf::get_atom_v, call_context{}, int32_t{1})
        .then([=](int32_t) {
          if (loop->running_in_this_thread())
            ++out->on_loop;
          if (++out->answered == total) {
            out->done.set_value();
            *next = nullptr;
          } else if (*next) {
            (*next)();
          }
        });
  };
  for (int i = 0; i < 64; ++i)
    (*next)();
}

} // namespace

TEST_CASE("callers' handlers never run on a loop thread") {
  for (auto policy : {"sharing", "stealing"}) {
    caf::actor_system_config config;
    config.set("caf.scheduler.policy", policy);
    caf::actor_system system{config};
    event_loop loop{system, "probe"};
    auto service = spawn_on<probe_state>(loop);
    outcome out;
    auto done = out.done.get_future();
    system.spawn(client, &loop, service, &out);
    REQUIRE(done.wait_for(60s) == std::future_status::ready);
    CHECK(out.on_loop == 0);
    CHECK(out.answered == total);
    caf::anon_send_exit(service, caf::exit_reason::user_shutdown);
    service = nullptr;
    system.await_all_actors_done();
    loop.stop();
  }
}
