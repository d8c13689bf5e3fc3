// What connections need of the loop that they live on.
#pragma once

#include "dbs/runtime/io/loop_context.hpp"
#include "dbs/runtime/io/resolver.hpp"
#include "dbs/runtime/io/timer_queue.hpp"

#include <memory>
#include <type_traits>

namespace dbs {

/// Implemented by the owner of the connections, which they must not outlive.
class loop_environment {
public:
  virtual ~loop_environment() = default;

  /// The loop. Only who has its turn uses the connections.
  virtual loop_context& io() = 0;

  /// Timers for connect deadlines. They run as the owner already, without `enter`.
  virtual timer_queue& timers() = 0;

  virtual resolver& names() = 0;

  /// Runs `body()` as the owner: every completion that the loop delivers to a
  /// connection goes through here. May drop it if the owner has ended.
  template <class F>
  void enter(F&& body) {
    using body_type = std::remove_reference_t<F>;
    do_enter([](void* ptr) { (*static_cast<body_type*>(ptr))(); }, std::addressof(body));
  }

private:
  /// Calls `body(context)` before it returns, or never.
  virtual void do_enter(void (*body)(void*), void* context) = 0;
};

} // namespace dbs
