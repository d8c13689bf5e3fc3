// The health manager: asks every manager at an interval and keeps the answers, so
// that whoever wants to know costs nothing.
#pragma once

#include "dbs/config/settings.hpp"
#include "dbs/messages/health/health.hpp"
#include "dbs/messages/manager/supervisor.hpp"
#include "dbs/runtime/caf/loop_actor.hpp"

#include <set>
#include <string>

namespace dbs {

/// Overall health is `unhealthy` if a critical component is, `degraded` if any
/// other component is not healthy, else `healthy`.
///
/// Dies with nothing lost: the next incarnation asks again.
class health_state {
public:
  using actor_type = health_actor::extend_with<manager_control_actor>;
  static inline const char* name = "dbs.health";

  /// @param critical ids of the components without which nothing works.
  health_state(loop_actor<actor_type>* self, supervisor_actor supervisor, health_settings settings,
               std::set<std::string> critical);

  actor_type::behavior_type make_behavior();

private:
  /// Begins a round, or another one after the round that is under way.
  void refresh();
  void ask();
  void on_reports(std::vector<health_report> reports);
  services_health report() const;

  loop_actor<actor_type>* self_;
  supervisor_actor supervisor_;
  health_settings settings_;
  std::set<std::string> critical_;
  services_health last_;
  caf::actor_clock::time_point asked_at_{};
  timer_queue::timer_id next_round_;
  std::vector<reply<void>> waiting_for_first_;
  std::vector<reply<services_health>> waiting_for_fresh_;
  bool has_report_ = false;
  bool asking_ = false;
  /// Somebody wants a round that begins later than the one under way.
  bool again_ = false;
  /// Every manager has been ready, now and when the round began.
  bool all_ready_ = false;
  bool asked_when_ready_ = false;
};

/// Spawns the health manager alone; tests pass a scripted supervisor.
health_state::actor_type spawn_health(event_loop& loop, supervisor_actor supervisor,
                                      health_settings settings, std::set<std::string> critical);

} // namespace dbs
