// The supervisor: starts the managers in order, restarts them behind their fronts,
// stops them in reverse order.
#pragma once

#include "dbs/actors/supervisor/child_spec.hpp"
#include "dbs/messages/manager/supervisor.hpp"
#include "dbs/runtime/caf/loop_actor.hpp"
#include "dbs/runtime/observe/log.hpp"

#include <map>
#include <string>
#include <vector>

namespace dbs {

/// Owns the strong handles of all managers.
///
/// - A child starts when the `start` of each of its dependencies has been answered,
///   well or badly, or has been awaited for `start_patience`: a node whose database
///   is away still answers over HTTP.
/// - A child whose `start` failed lives and keeps trying; the supervisor says so in
///   the log ("DatabaseServices initialization failed: ...") and waits for `ready`.
/// - A child that dies is replaced after a backoff, with the sizes it was given at
///   run time. Its front stashes meanwhile.
/// - `shutdown` drains and stops the children one after the other, in reverse
///   order of start, and is answered when the last has gone. A child that drains
///   still gets what its callers send, so that they can end what they have begun.
/// - It takes its children along when it dies: nobody else could stop them.
///
/// If a dependency of a child dies, the child is not restarted: it holds a front,
/// which stays valid.
class supervisor_state {
public:
  using actor_type = supervisor_actor;
  static inline const char* name = "dbs.supervisor";

  /// Health requests to a child that does not answer are given up after this time.
  static constexpr caf::timespan health_timeout = std::chrono::seconds{2};

  /// Callers that may wait for `ready` at a time.
  static constexpr size_t max_ready_waiters = 1000;

  /// @param children in any order; dependencies must name other children and must
  ///        not form a cycle (see `start_order`).
  supervisor_state(loop_actor<supervisor_actor>* self, std::vector<child_spec> children,
                   std::shared_ptr<observe::logger> log);

  ~supervisor_state();

  supervisor_actor::behavior_type make_behavior();

  /// Sorts children so that dependencies come first; `invalid_argument` names a
  /// dependency that does not exist or a child on a cycle.
  static caf::expected<std::vector<child_spec>> start_order(std::vector<child_spec> children);

private:
  using time_point = caf::actor_clock::time_point;

  struct child {
    child_spec spec;
    manager_control_actor actor;
    child_state state = child_state::waiting;
    time_point since{};
    uint64_t incarnation = 0;
    uint64_t restarts = 0;
    std::string last_error;
    backoff delay;
    /// True once others need not wait for the start any more.
    bool attempted = false;
    /// What `resize` has set, for the next incarnation.
    std::map<std::string, int64_t> sizes;

    explicit child(child_spec what) : spec(std::move(what)), delay(spec.restart) {}

    bool running() const noexcept {
      return state == child_state::starting || state == child_state::not_ready ||
             state == child_state::up;
    }
  };

  struct ready_waiter {
    uint64_t number;
    reply<void> answer;
    timer_queue::timer_id timer;
  };

  void start_what_can_start();
  void spawn(size_t index);
  void on_started(size_t index, uint64_t incarnation, const caf::error& failure);
  void on_ready(size_t index, uint64_t incarnation);
  void on_death(size_t index, uint64_t incarnation, const caf::error& reason);
  void restart_later(size_t index);
  void enter_state(child& what, child_state state);
  bool all_up() const;
  caf::error why_not_ready(errc code) const;
  /// An empty reason is success.
  void answer_ready(const caf::error& reason);
  void expire_stashes();

  std::vector<child_info> tree() const;
  caf::result<void> wait_ready(const call_context& context);
  caf::result<std::vector<health_report>> collect_health();
  caf::result<stats_report> stats_of(const call_context& context, const std::string& id);
  caf::result<void> resize(const call_context& context, const std::string& id,
                           const resize_request& request);
  caf::result<void> restart(const std::string& id);
  caf::result<void> shutdown();
  void stop_next();
  child* find(const std::string& id);

  loop_actor<supervisor_actor>* self_;
  std::vector<child> children_;
  std::shared_ptr<observe::logger> log_;
  std::vector<ready_waiter> ready_waiters_;
  uint64_t last_waiter_ = 0;
  std::vector<reply<void>> shutdown_waiters_;
  bool stopping_ = false;
  timer_queue::timer_id stash_timer_;
};

/// Spawns the supervisor. `children` must come from `start_order`.
supervisor_actor spawn_supervisor(event_loop& loop, std::vector<child_spec> children,
                                  std::shared_ptr<observe::logger> log);

} // namespace dbs
