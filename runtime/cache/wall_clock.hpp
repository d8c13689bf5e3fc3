// The time that several hosts agree on, as far as their clocks do.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>

namespace dbs::cache {

/// To the millisecond.
using wall_time = std::chrono::sys_time<std::chrono::milliseconds>;

/// Replaced in tests.
using wall_clock = std::function<wall_time()>;

/// The kernel's CLOCK_REALTIME_COARSE, as `coarse_clock`: it costs a few nanoseconds, and moves
/// every 1 to 10 ms.
wall_time system_wall_time() noexcept;

/// Microseconds since 1970, for versions: as fine as it gets, so that two processes hardly ever
/// give the same one.
using version_clock = std::function<uint64_t()>;

/// The kernel's CLOCK_REALTIME.
uint64_t system_version_time() noexcept;

} // namespace dbs::cache
