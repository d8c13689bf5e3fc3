// A clock that costs a few nanoseconds and is right within some milliseconds: what the
// expiry of cached values needs.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

namespace dbs::cache {

/// Small and copyable; from any thread.
class coarse_clock {
public:
  using duration = std::chrono::milliseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<coarse_clock>;
  static constexpr bool is_steady = true;

  /// The kernel's CLOCK_MONOTONIC_COARSE: it moves with the kernel's tick, every 1 to
  /// 10 ms, and is read without a system call.
  coarse_clock() noexcept = default;

  /// Shows what `hand` says, in ms, for virtual time. `hand` must outlive the clock and
  /// must not go back.
  explicit coarse_clock(const std::atomic<int64_t>& hand) noexcept : hand_(&hand) {}

  time_point now() const noexcept {
    return time_point{
        duration{hand_ != nullptr ? hand_->load(std::memory_order_relaxed) : kernel_ms()}};
  }

private:
  static int64_t kernel_ms() noexcept;

  const std::atomic<int64_t>* hand_ = nullptr;
};

} // namespace dbs::cache
