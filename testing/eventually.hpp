// Waits for something another thread or process brings about, with a bound.
//
// For conditions that nothing announces: a process that has gone, a counter that
// has moved. Whatever can be waited for directly should be.
#pragma once

#include <chrono>
#include <thread>

namespace dbs::testing {

/// Asks `predicate` again and again until it returns true or `within` has passed;
/// it is asked once more at the end. Returns the last answer.
template <class Predicate>
bool eventually(Predicate&& predicate, std::chrono::milliseconds within = std::chrono::seconds{10},
                std::chrono::milliseconds every = std::chrono::milliseconds{2}) {
  auto deadline = std::chrono::steady_clock::now() + within;
  while (!predicate()) {
    if (std::chrono::steady_clock::now() >= deadline)
      return predicate();
    std::this_thread::sleep_for(every);
  }
  return true;
}

} // namespace dbs::testing
