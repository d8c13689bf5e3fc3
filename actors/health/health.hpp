// The health manager: asks every manager at an interval and keeps the answers, so
// that whoever wants to know costs nothing.
#pragma once

#include "dbs/config/settings.hpp"
#include "dbs/messages/health/health.hpp"
#include "dbs/messages/manager/supervisor.hpp"
#include "dbs/runtime/caf/loop_actor.hpp"
#include "dbs/runtime/caf/startup.hpp"

#include <atomic>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace dbs {

/// What the health manager needs; shared by its incarnations.
struct health_options {
  health_settings settings;
  /// Ids of the components without which nothing works.
  std::set<std::string> critical;
  /// Set once every manager has been ready; a restarted manager goes on from there.
  std::shared_ptr<std::atomic<bool>> all_were_ready = std::make_shared<std::atomic<bool>>(false);
};

/// Overall health is `unhealthy` if a critical component is, `degraded` if any
/// other component is not healthy, else `healthy`. A component is `degraded` if it is
/// healthy itself and another one of its kind is not, whose id begins with its own and a
/// dot: whoever looks at the pool sees that a named one is away.
///
/// The services are ready when every manager has been ready since the start and the
/// last round has found no critical component unhealthy. So a dependency with a
/// fallback holds readiness up at the start only.
///
/// Dies with nothing lost: the next incarnation asks again.
class health_state {
public:
  using actor_type = health_actor::extend_with<manager_control_actor>;
  static inline const char* name = "dbs.health";

  /// Callers that wait for a round; more are refused with `overloaded`.
  static constexpr size_t max_waiting = 1000;

  health_state(loop_actor<actor_type>* self, supervisor_actor supervisor, health_options options);

  actor_type::behavior_type make_behavior();

private:
  /// Waits for a round that begins after its request.
  struct waiter {
    uint64_t number;
    reply<services_health> answer;
    timer_queue::timer_id deadline;
  };

  caf::result<services_health> refresh(const call_context& context);
  void give_up(uint64_t number);
  void ask();
  void on_reports(std::vector<health_report> reports);
  static void degrade_for_others(std::vector<health_report>& reports);
  void on_failure(const caf::error& reason);
  /// Answers those who waited for the round that has ended, and plans the next.
  template <class Answer>
  void end_round(const Answer& answer);
  services_health report() const;

  loop_actor<actor_type>* self_;
  supervisor_actor supervisor_;
  health_options options_;
  startup startup_;
  services_health last_;
  caf::actor_clock::time_point asked_at_{};
  timer_queue::timer_id next_round_;
  /// In the order of their requests, hence of their numbers.
  std::vector<waiter> waiting_;
  uint64_t last_waiter_ = 0;
  /// The last one who asked before the round under way began.
  uint64_t last_in_round_ = 0;
  bool asking_ = false;
  /// A round is wanted that begins later than the one under way.
  bool again_ = false;
};

/// Spawns the health manager alone; tests pass a scripted supervisor.
health_state::actor_type spawn_health(event_loop& loop, supervisor_actor supervisor,
                                      health_options options);

} // namespace dbs
