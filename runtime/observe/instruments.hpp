// What components need to register and feed their instruments.
#pragma once

#include "dbs/messages/error_detail.hpp"
#include "dbs/runtime/observe/metrics.hpp"

#include <stdexcept>

namespace dbs::observe {

/// Unwraps an instrument whose name and labels are constants in the code: a refusal
/// is a mistake there, and throws `std::logic_error`.
template <class T>
T* must(caf::expected<T*> instrument) {
  if (!instrument)
    throw std::logic_error(describe(instrument.error()));
  return *instrument;
}

/// Brings a counter up to totals that its component counts by itself, from zero on, or from
/// `reached` on. A restarted component takes a new one, and the counter goes on where it was.
class counter_feed {
public:
  counter_feed() = default;
  explicit counter_feed(counter* target, uint64_t reached = 0)
      : target_(target), reached_(reached) {}

  void reach(uint64_t total) noexcept {
    target_->add(total - reached_);
    reached_ = total;
  }

private:
  counter* target_ = nullptr;
  uint64_t reached_ = 0;
};

} // namespace dbs::observe
