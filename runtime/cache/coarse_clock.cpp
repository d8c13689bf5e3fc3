#include "dbs/runtime/cache/coarse_clock.hpp"

#include <ctime>

namespace dbs::cache {

int64_t coarse_clock::kernel_ms() noexcept {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  return int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1'000'000;
}

} // namespace dbs::cache
