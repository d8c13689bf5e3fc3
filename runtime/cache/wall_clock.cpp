#include "dbs/runtime/cache/wall_clock.hpp"

#include <ctime>

namespace dbs::cache {

wall_time system_wall_time() noexcept {
  timespec now{};
  clock_gettime(CLOCK_REALTIME_COARSE, &now);
  return std::chrono::floor<std::chrono::milliseconds>(wall_time{std::chrono::seconds{now.tv_sec}} +
                                                       std::chrono::nanoseconds{now.tv_nsec});
}

} // namespace dbs::cache
