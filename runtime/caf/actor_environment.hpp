// The environment of connections that belong to a loop actor.
#pragma once

#include "dbs/runtime/caf/loop_actor.hpp"
#include "dbs/runtime/io/blocking_pool.hpp"
#include "dbs/runtime/io/loop_environment.hpp"

#include <memory>

namespace dbs {

/// Belongs to the state of the actor `Self`, and goes behind the connections. Its threads
/// are started when they are needed.
///
/// @tparam Interface what the connections ask for beyond `loop_environment`.
template <class Self, class Interface = loop_environment>
class actor_environment : public Interface {
public:
  explicit actor_environment(Self* self)
      : self_(self), resolver_(make_system_resolver(self->io(), lookups_)) {}

  loop_context& io() override { return self_->io(); }
  timer_queue& timers() override { return self_->timers(); }
  resolver& names() override { return *resolver_; }

private:
  void do_enter(void (*body)(void*), void* context) override {
    // Keeps the actor alive while the completion runs, which may make it quit.
    caf::strong_actor_ptr guard{self_->ctrl()};
    self_->enter([body, context] { body(context); });
  }

  Self* self_;
  blocking_pool lookups_{2, 64};
  std::unique_ptr<resolver> resolver_;
};

} // namespace dbs
