// Waiting longer after each failure in a row, never all at the same time.
#pragma once

#include <caf/timespan.hpp>

#include <algorithm>
#include <cstdint>
#include <random>

namespace dbs {

struct backoff_options {
  /// The delay after the first failure.
  caf::timespan first{0};
  /// The delay after the second; doubled for each further one.
  caf::timespan base = std::chrono::milliseconds{100};
  caf::timespan cap = std::chrono::seconds{10};
  /// Each delay is shortened at random by up to this share.
  double jitter = 0.2;
};

/// Yields the delay before the next attempt.
class backoff {
public:
  explicit backoff(backoff_options options, uint64_t seed = std::random_device{}())
      : options_(options), random_(seed) {}

  /// Counts a failure and returns how long to wait.
  caf::timespan next() {
    auto failures = failures_++;
    if (failures == 0)
      return jittered(options_.first);
    auto delay = options_.base;
    for (uint32_t i = 1; i < failures && delay < options_.cap; ++i)
      delay *= 2;
    return jittered(std::min(delay, options_.cap));
  }

  void reset() noexcept { failures_ = 0; }

  uint32_t failures() const noexcept { return failures_; }

private:
  caf::timespan jittered(caf::timespan delay) {
    auto share = std::uniform_real_distribution<double>{0, options_.jitter}(random_);
    return delay - caf::timespan{static_cast<int64_t>(static_cast<double>(delay.count()) * share)};
  }

  backoff_options options_;
  std::minstd_rand random_;
  uint32_t failures_ = 0;
};

} // namespace dbs
