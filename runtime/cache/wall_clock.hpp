// The time that several hosts agree on, as far as their clocks do.
#pragma once

#include <chrono>
#include <functional>

namespace dbs::cache {

/// To the millisecond.
using wall_time = std::chrono::sys_time<std::chrono::milliseconds>;

/// Replaced in tests.
using wall_clock = std::function<wall_time()>;

/// The kernel's CLOCK_REALTIME_COARSE, as `coarse_clock`: it costs a few nanoseconds, and moves
/// every 1 to 10 ms.
wall_time system_wall_time() noexcept;

} // namespace dbs::cache
