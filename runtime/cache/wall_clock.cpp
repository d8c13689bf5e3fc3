#include "dbs/runtime/cache/wall_clock.hpp"

#include <ctime>

namespace dbs::cache {

wall_time system_wall_time() noexcept {
  timespec now{};
  clock_gettime(CLOCK_REALTIME_COARSE, &now);
  return std::chrono::floor<std::chrono::milliseconds>(wall_time{std::chrono::seconds{now.tv_sec}} +
                                                       std::chrono::nanoseconds{now.tv_nsec});
}

uint64_t system_version_time() noexcept {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000 + static_cast<uint64_t>(now.tv_nsec) / 1000;
}

} // namespace dbs::cache
