// A manager that does what the test says: for tests of the supervisor.
#pragma once

#include "dbs/messages/manager/control.hpp"
#include "dbs/runtime/caf/loop_actor.hpp"

#include <memory>
#include <string>
#include <vector>

namespace dbs::tests {

/// What the incarnations of one scripted child have in common.
struct manager_script {
  /// Answer `start` at once with this; empty error means success.
  caf::error start_failure;
  bool answer_start = true;
  bool answer_drain = true;
  bool answer_health = true;
  /// What happened, over all children that share the journal.
  std::shared_ptr<std::vector<std::string>> journal = std::make_shared<std::vector<std::string>>();
  std::string id;
  /// Pending `ready` requests of the running incarnation.
  std::vector<reply<void>> ready;
  /// What it was resized to.
  std::vector<int64_t> sizes;
  manager_control_actor last;
  int spawned = 0;
};

struct scripted_manager_state {
  using actor_type = manager_control_actor;
  static inline const char* name = "dbs.tests.scripted_manager";

  scripted_manager_state(loop_actor<actor_type>* ptr, std::shared_ptr<manager_script> what)
      : self(ptr), script(std::move(what)) {}

  actor_type::behavior_type make_behavior() {
    return {
        [this](start_atom, const call_context&) -> caf::result<void> {
          script->journal->push_back("start " + script->id);
          if (!script->answer_start) {
            held.emplace_back(self);
            return reply<void>::pending();
          }
          if (script->start_failure)
            return script->start_failure;
          return caf::unit;
        },
        [this](ready_atom, const call_context&) -> caf::result<void> {
          script->ready.emplace_back(self);
          return reply<void>::pending();
        },
        [this](drain_atom, const call_context&) -> caf::result<void> {
          script->journal->push_back("drain " + script->id);
          if (script->answer_drain)
            return caf::unit;
          held.emplace_back(self);
          return reply<void>::pending();
        },
        [this](health_atom, const call_context&) -> caf::result<health_report> {
          if (script->answer_health)
            return health_report{script->id, health_status::healthy, {}, {}};
          held_health.emplace_back(self);
          return reply<health_report>::pending();
        },
        [this](stats_atom, const call_context&) {
          return stats_report{script->id, {{"spawned", int64_t{script->spawned}}}};
        },
        [this](resize_atom, const call_context&,
               const resize_request& request) -> caf::result<void> {
          if (request.size < 1)
            return fail(errc::invalid_argument, "size must be positive");
          script->sizes.push_back(request.size);
          return caf::unit;
        },
    };
  }

  loop_actor<actor_type>* self;
  std::shared_ptr<manager_script> script;
  std::vector<reply<void>> held;
  std::vector<reply<health_report>> held_health;
};

} // namespace dbs::tests
