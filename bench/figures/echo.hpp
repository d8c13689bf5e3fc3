// An actor that does nothing but answer: what any request costs at least.
#pragma once

#include "figures/owned_actor.hpp"

#include "dbs/messages/call_context.hpp"
#include "dbs/runtime/caf/loop_actor.hpp"

#include <caf/stateful_actor.hpp>

#include <string>

namespace dbs::bench {

using echo_actor = caf::typed_actor<caf::result<int32_t>(caf::get_atom, call_context, int32_t)>;

/// The same empty actor on CAF's scheduler and on a loop.
template <class Self>
struct echo_state {
  using actor_type = echo_actor;
  static inline const char* name = "dbs.bench.echo";
  explicit echo_state(Self*) {}
  echo_actor::behavior_type make_behavior() {
    return {[](caf::get_atom, const call_context&, int32_t x) { return x; }};
  }
};

inline owned_actor<echo_actor> spawn_echo(caf::actor_system& system) {
  return {system,
          system.spawn<caf::stateful_actor<echo_state<echo_actor::impl>, echo_actor::impl>>()};
}

inline owned_actor<echo_actor> spawn_echo_on(event_loop& loop) {
  return {loop.system(), spawn_on<echo_state<loop_actor<echo_actor>>>(loop)};
}

/// One request to an echo, as plain CAF has it; see `caller`.
struct echo_request {
  echo_actor to;

  template <class Turn>
  void operator()(caf::event_based_actor* self, Turn turn) const {
    self->request(to, caf::infinite, caf::get_atom_v, call_context{}, int32_t{1})
        .then([turn](int32_t) { turn.done(); },
              [turn](const caf::error& reason) { turn.failed(to_string(reason)); });
  }
};

} // namespace dbs::bench
