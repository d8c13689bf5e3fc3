// How long callers do without a manager that has died.
#include "figures/all.hpp"

#include "dbs/actors/supervisor/supervisor.hpp"
#include "dbs/runtime/caf/front.hpp"
#include "dbs/runtime/caf/program_config.hpp"
#include "dbs/testing/fixture/silent_logger.hpp"

#include <algorithm>
#include <chrono>
#include <stdexcept>
#include <vector>

namespace dbs::bench {

namespace {

using clock = std::chrono::steady_clock;

constexpr size_t crashes_per_round = 200;

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

/// A supervisor with one child, which goes with its child.
class supervised_mortal {
public:
  explicit supervised_mortal(caf::actor_system& system)
      : system_(system), loop_(system, "bench"), front_(front::make(system, "mortal")) {
    child_spec spec;
    spec.id = "mortal";
    spec.front = front_;
    // Every crash is a first one, as after a long life: its restart is not delayed by
    // the crashes before it.
    spec.healthy_after = caf::timespan{0};
    spec.spawn = [this] { return spawn_on<mortal_state>(loop_); };
    supervisor_ = spawn_supervisor(loop_, {spec}, testing::make_silent_logger());
  }

  supervised_mortal(const supervised_mortal&) = delete;
  supervised_mortal& operator=(const supervised_mortal&) = delete;

  ~supervised_mortal() {
    caf::scoped_actor self{system_};
    mail(self, shutdown_atom_v, call_context{})
        .request(supervisor_, caf::infinite)
        .receive([] {}, [](const caf::error&) {});
    caf::anon_send_exit(supervisor_, caf::exit_reason::user_shutdown);
    self->wait_for(supervisor_);
  }

  manager_control_actor service() const { return caf::actor_cast<manager_control_actor>(front_); }

private:
  caf::actor_system& system_;
  event_loop loop_;
  caf::strong_actor_ptr front_;
  supervisor_actor supervisor_;
};

/// Kills the manager again and again and asks until it serves.
class crash_recovery : public contest {
public:
  reading round(bool) override {
    std::vector<double> ms;
    for (size_t i = 0; i < crashes_per_round; ++i)
      ms.push_back(crash_once());
    std::sort(ms.begin(), ms.end());
    return {ms[ms.size() * 99 / 100]};
  }

  std::map<std::string, double> details() const override {
    return {{"crashes", crashes_}, {"refused_requests", refused_}};
  }

private:
  double crash_once() {
    caf::scoped_actor self{system_};
    auto began = clock::now();
    mail(self, stats_atom_v, call_context{})
        .request(mortal_.service(), caf::infinite)
        .receive([](const stats_report&) { throw std::logic_error("it survived"); },
                 [](const caf::error&) {});
    for (auto served = false; !served;)
      mail(self, health_atom_v, call_context{})
          .request(mortal_.service(), caf::infinite)
          .receive([&served](const health_report&) { served = true; },
                   [this](const caf::error&) { ++refused_; });
    ++crashes_;
    return std::chrono::duration<double, std::milli>{clock::now() - began}.count();
  }

  program_config config_;
  caf::actor_system system_{config_};
  supervised_mortal mortal_{system_};
  double crashes_ = 0;
  double refused_ = 0;
};

} // namespace

std::vector<figure> crash_figures() {
  return {
      {"crash_to_serving_again", "ms p99", placement::free, "", "< 50", make<crash_recovery>()}};
}

} // namespace dbs::bench
