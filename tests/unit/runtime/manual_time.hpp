// Timers on a clock that a test moves.
#pragma once

#include "dbs/runtime/io/timer_queue.hpp"

#include <algorithm>
#include <chrono>
#include <functional>

namespace dbs::test {

/// Time that stands still until it is moved.
class manual_time {
public:
  timer_queue& timers() { return timers_; }

  timer_queue::time_point now() const { return now_; }

  /// Runs every timer on the way, each at its own time, and `after` behind each.
  void advance(caf::timespan by, const std::function<void()>& after) {
    auto until = now_ + by;
    for (auto next = timers_.next(); next && *next <= until; next = timers_.next()) {
      now_ = std::max(now_, *next);
      timers_.expire(now_);
      after();
    }
    now_ = until;
  }

private:
  timer_queue::time_point now_{std::chrono::hours{1}};
  timer_queue timers_{[this] { return now_; }, [](timer_queue::time_point) {}};
};

} // namespace dbs::test
