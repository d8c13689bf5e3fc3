// What a manager owes to those who asked it to start, and to be told when it is ready.
#pragma once

#include "dbs/messages/error_detail.hpp"
#include "dbs/runtime/caf/reply.hpp"

#include <caf/result.hpp>

#include <optional>
#include <utility>
#include <vector>

namespace dbs {

/// Answers `start` and `ready` of `manager_control_actor`: `start` with the outcome of
/// the first probe, good or bad; `ready` with the first success, however late.
///
/// Belongs to the state of one loop actor, which reports the outcome of its probes.
class startup {
public:
  /// To be returned by the handler of `start`.
  template <class Self>
  caf::result<void> start(Self* self) {
    if (!outcome_)
      return wait(starting_, self);
    if (*outcome_)
      return *outcome_;
    return caf::unit;
  }

  /// To be returned by the handler of `ready`.
  template <class Self>
  caf::result<void> ready(Self* self) {
    if (!is_ready())
      return wait(waiting_, self);
    return caf::unit;
  }

  /// True while the last probe that was reported succeeded.
  bool is_ready() const noexcept { return outcome_ && !*outcome_; }

  /// The manager works.
  void succeeded() {
    outcome_.emplace();
    answer(starting_, {});
    answer(waiting_, {});
  }

  /// The manager does not work, for now.
  void failed(const caf::error& reason) {
    outcome_ = reason;
    answer(starting_, reason);
  }

  /// The manager will not work any more: whoever waits is told why, and whoever asks
  /// for the start later.
  void ended(const caf::error& reason) {
    failed(reason);
    answer(waiting_, reason);
  }

private:
  using waiters = std::vector<reply<void>>;

  template <class Self>
  static caf::result<void> wait(waiters& among, Self* self) {
    among.emplace_back(self);
    return reply<void>::pending();
  }

  static void answer(waiters& all, const caf::error& reason) {
    for (auto& waiter : std::exchange(all, {})) {
      if (reason)
        waiter.deliver(reason);
      else
        waiter.deliver();
    }
  }

  /// Nothing before the first probe is over; an empty error is success.
  std::optional<caf::error> outcome_;
  waiters starting_;
  waiters waiting_;
};

} // namespace dbs
