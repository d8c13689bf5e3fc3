// A supervisor that says what the test says: for tests of those who ask it.
#pragma once

#include "dbs/messages/error_detail.hpp"
#include "dbs/messages/manager/supervisor.hpp"
#include "dbs/runtime/caf/loop_actor.hpp"

#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace dbs::tests {

struct supervisor_script {
  /// The answer to `health`, unless the round is held.
  std::vector<health_report> reports;
  bool hold_health = false;
  std::vector<reply<std::vector<health_report>>> held_health;
  int health_rounds = 0;

  std::vector<reply<void>> ready;
  bool is_ready = false;

  std::vector<child_info> tree;
  bool answer_tree = true;
  /// Children whose statistics nobody gets.
  std::set<std::string> hanging;
  resize_request resized;
  /// Whose size that is.
  std::string resized_child;

  void say(std::string component, health_status status, std::string detail = {}) {
    for (auto& x : reports)
      if (x.component == component) {
        x = {std::move(component), status, std::move(detail), {}};
        return;
      }
    reports.push_back({std::move(component), status, std::move(detail), {}});
  }

  void become_ready() {
    is_ready = true;
    for (auto& x : std::exchange(ready, {}))
      x.deliver();
  }

  /// Ends the oldest round that is held.
  void answer_health() {
    auto first = std::move(held_health.front());
    held_health.erase(held_health.begin());
    first.deliver(reports);
  }
};

struct scripted_supervisor_state {
  using actor_type = supervisor_actor;
  static inline const char* name = "dbs.tests.scripted_supervisor";

  scripted_supervisor_state(loop_actor<actor_type>* ptr, std::shared_ptr<supervisor_script> what)
      : self(ptr), script(std::move(what)) {}

  actor_type::behavior_type make_behavior() {
    return {
        [this](tree_atom, const call_context&) -> caf::result<std::vector<child_info>> {
          if (script->answer_tree)
            return script->tree;
          held_trees.emplace_back(self);
          return reply<std::vector<child_info>>::pending();
        },
        [this](ready_atom, const call_context&) -> caf::result<void> {
          if (script->is_ready)
            return caf::unit;
          script->ready.emplace_back(self);
          return reply<void>::pending();
        },
        [this](health_atom, const call_context&) -> caf::result<std::vector<health_report>> {
          ++script->health_rounds;
          if (!script->hold_health)
            return script->reports;
          script->held_health.emplace_back(self);
          return reply<std::vector<health_report>>::pending();
        },
        [this](stats_atom, const call_context&,
               const std::string& id) -> caf::result<stats_report> {
          if (script->hanging.contains(id)) {
            held_stats.emplace_back(self);
            return reply<stats_report>::pending();
          }
          for (auto& x : script->tree)
            if (x.id == id)
              return stats_report{id, {{"pool.idle", int64_t{3}}, {"figure", int64_t{7}}}};
          return fail(errc::not_found, "there is no child '" + id + "'");
        },
        [this](resize_atom, const call_context&, const std::string& id,
               const resize_request& request) -> caf::result<void> {
          if (request.size < 1)
            return fail(errc::invalid_argument, "size must be positive");
          script->resized = request;
          script->resized_child = id;
          return caf::unit;
        },
        [](restart_atom, const call_context&, const std::string&) {},
        [](shutdown_atom, const call_context&) {},
    };
  }

  loop_actor<actor_type>* self;
  std::shared_ptr<supervisor_script> script;
  std::vector<reply<std::vector<child_info>>> held_trees;
  std::vector<reply<stats_report>> held_stats;
};

} // namespace dbs::tests
