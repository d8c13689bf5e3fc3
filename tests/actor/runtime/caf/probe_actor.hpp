// A manager with one verb for everything that can happen to a request: the tests
// of fronts, loop actors and the supervisor use it.
#pragma once

#include "dbs/messages/manager/control.hpp"
#include "dbs/runtime/caf/loop_actor.hpp"

#include <caf/type_id.hpp>

#include <stdexcept>
#include <vector>

namespace dbs::tests {

using probe_actor = caf::typed_actor<
    // Answers at once.
    caf::result<int32_t>(caf::get_atom, call_context, int32_t),
    // Keeps the promise open.
    caf::result<int32_t>(caf::put_atom, call_context, int32_t),
    // Dies in the handler.
    caf::result<int32_t>(caf::delete_atom, call_context)>;

struct probe_state {
  using actor_type = probe_actor;
  static inline const char* name = "dbs.tests.probe";

  explicit probe_state(loop_actor<probe_actor>* ptr) : self(ptr) {}

  probe_actor::behavior_type make_behavior() {
    return {
        [this](caf::get_atom, const call_context&, int32_t x) {
          ++handled;
          return x;
        },
        [this](caf::put_atom, const call_context&, int32_t) -> caf::result<int32_t> {
          open.emplace_back(self);
          return open.back().pending();
        },
        [](caf::delete_atom, const call_context&) -> caf::result<int32_t> {
          throw std::runtime_error("boom");
        },
    };
  }

  loop_actor<probe_actor>* self;
  int handled = 0;
  std::vector<reply<int32_t>> open;
};

} // namespace dbs::tests
