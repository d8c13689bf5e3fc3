// When the pool may start its next connect.
//
// Two storms are prevented here: many connects at once (after a restart of the
// server, or when many requests arrive at an empty pool), and connects that are
// repeated without pause while the server is down.
#pragma once

#include "dbs/runtime/io/timer_queue.hpp"

#include <caf/timespan.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <random>

namespace dbs::postgres {

/// Counts failures in a row. The delay doubles from 50 ms up to 1 s while the pool
/// has no connection at all, so that service is back soon after the server, and up
/// to 30 s while it has others. Each delay is shortened at random by up to 10 %.
class pool_connect_gate {
public:
  using time_point = timer_queue::time_point;

  static constexpr size_t max_in_flight = 2;
  static constexpr caf::timespan first_delay = std::chrono::milliseconds{50};
  static constexpr caf::timespan cap_without_connection = std::chrono::seconds{1};
  static constexpr caf::timespan cap = std::chrono::seconds{30};

  explicit pool_connect_gate(uint64_t seed) : random_(static_cast<uint32_t>(seed)) {}

  /// One probe at a time after a failure.
  bool open(time_point now, size_t in_flight) const noexcept {
    return now >= retry_at_ && in_flight < (failures_ > 0 ? 1 : max_in_flight);
  }

  bool waits(time_point now) const noexcept { return now < retry_at_; }

  time_point retry_at() const noexcept { return retry_at_; }

  void succeeded() noexcept {
    failures_ = 0;
    retry_at_ = time_point::min();
  }

  /// Connects that were in flight together count as one failure.
  void failed(time_point now, bool have_connections) {
    if (waits(now))
      return;
    auto limit = have_connections ? cap : cap_without_connection;
    auto delay = first_delay;
    for (uint32_t i = 0; i < failures_ && delay < limit; ++i)
      delay *= 2;
    ++failures_;
    retry_at_ = now + shorten(std::min(delay, limit));
  }

  /// To be called when the last connection is gone.
  void no_connection_left(time_point now) {
    if (retry_at_ > now + cap_without_connection)
      retry_at_ = now + shorten(cap_without_connection);
  }

private:
  caf::timespan shorten(caf::timespan delay) {
    auto share = std::uniform_real_distribution<double>{0.9, 1.0}(random_);
    return caf::timespan{static_cast<int64_t>(static_cast<double>(delay.count()) * share)};
  }

  std::minstd_rand random_;
  uint32_t failures_ = 0;
  time_point retry_at_ = time_point::min();
};

} // namespace dbs::postgres
