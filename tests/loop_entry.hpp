// How a test gets into a loop actor, as a socket's completion does.
#pragma once

#include <caf/actor_control_block.hpp>

#include <functional>
#include <memory>
#include <type_traits>
#include <utility>

namespace dbs::tests {

/// Runs the completions of sockets inside their owner, so that `quit()` and
/// exceptions work in them as in a message handler. Holds a strong reference to the
/// owner; copies are cheap. To be used in the loop's turn only.
class loop_entry {
public:
  /// The entry of the loop actor `self` (see `runtime/caf/loop_actor.hpp`).
  template <class LoopActor>
  explicit loop_entry(LoopActor* self)
      : run_([self, owner = caf::strong_actor_ptr{self->ctrl()}](void (*body)(void*), void* what) {
          self->enter([body, what] { body(what); });
        }) {}

  /// Runs `fn()` before it returns, or never if the owner has ended.
  template <class F>
  requires(!std::is_same_v<std::remove_cvref_t<F>, loop_entry>) void operator()(F&& fn) const {
    using body_type = std::remove_reference_t<F>;
    run_([](void* what) { (*static_cast<body_type*>(what))(); }, std::addressof(fn));
  }

private:
  std::function<void(void (*)(void*), void*)> run_;
};

} // namespace dbs::tests
