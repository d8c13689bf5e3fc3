// What a node needs: memory, time to be ready, time to recover from a crash.
#include "harness/figure.hpp"

#include "dbs/actors/supervisor/supervisor.hpp"
#include "dbs/runtime/caf/front.hpp"
#include "dbs/testing/fixture/silent_logger.hpp"

#include <caf/actor_system_config.hpp>

#include <algorithm>
#include <chrono>
#include <vector>

namespace dbs::bench {

namespace {

using namespace std::chrono_literals;

/// A manager without connections that dies on demand.
struct mortal_state {
  using actor_type = manager_control_actor;
  static inline const char* name = "dbs.bench.mortal";
  explicit mortal_state(loop_actor<actor_type>*) {}
  actor_type::behavior_type make_behavior() {
    return {
        [](start_atom, const call_context&) {},
        [](ready_atom, const call_context&) {},
        [](drain_atom, const call_context&) {},
        [](health_atom, const call_context&) { return health_report{}; },
        [](stats_atom, const call_context&) -> stats_report { throw std::runtime_error("crash"); },
        [](resize_atom, const call_context&, const resize_request&) {},
    };
  }
};

/// Kills the manager 200 times a round and asks until it serves again.
class crash_recovery : public contest {
public:
  crash_recovery() : loop_(system_, "bench"), front_(front::make(system_, "mortal")) {
    child_spec spec;
    spec.id = "mortal";
    spec.front = front_;
    spec.restart.base = 0ms;
    spec.spawn = [this] { return spawn_on<mortal_state>(loop_); };
    supervisor_ = spawn_supervisor(loop_, {spec}, testing::make_silent_logger());
  }

  ~crash_recovery() override {
    caf::scoped_actor self{system_};
    self->request(supervisor_, caf::infinite, shutdown_atom_v, call_context{})
        .receive([] {}, [](const caf::error&) {});
    caf::anon_send_exit(supervisor_, caf::exit_reason::user_shutdown);
    supervisor_ = nullptr;
    front_ = nullptr;
    system_.await_all_actors_done();
    loop_.stop();
  }

  double ours() override {
    caf::scoped_actor self{system_};
    auto service = caf::actor_cast<manager_control_actor>(front_);
    std::vector<double> ms;
    for (int i = 0; i < 200; ++i) {
      self->request(service, caf::infinite, stats_atom_v, call_context{})
          .receive([](const stats_report&) {}, [](const caf::error&) {});
      auto died = std::chrono::steady_clock::now();
      for (auto served = false; !served;)
        self->request(service, caf::infinite, health_atom_v, call_context{})
            .receive([&](const health_report&) { served = true; }, [](const caf::error&) {});
      ms.push_back(
          std::chrono::duration<double, std::milli>{std::chrono::steady_clock::now() - died}
              .count());
    }
    std::sort(ms.begin(), ms.end());
    return ms[ms.size() * 99 / 100];
  }

private:
  caf::actor_system_config config_;
  caf::actor_system system_{config_};
  event_loop loop_;
  caf::strong_actor_ptr front_;
  supervisor_actor supervisor_;
};

} // namespace

std::vector<figure> node_figures() {
  return {
      {"crash_to_serving_again", "ms p99", placement::free, "", "<= 50",
       [] { return std::make_unique<crash_recovery>(); }},
  };
}

} // namespace dbs::bench
