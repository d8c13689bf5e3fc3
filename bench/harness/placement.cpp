#include "harness/placement.hpp"

#include <sched.h>

#include <cerrno>
#include <system_error>

namespace dbs::bench {

void stay_on_one_core() {
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof(allowed), &allowed) != 0)
    throw std::system_error(errno, std::generic_category(), "cannot ask for the allowed cores");
  auto first = 0;
  while (!CPU_ISSET(first, &allowed))
    ++first;
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(first, &one);
  if (sched_setaffinity(0, sizeof(one), &one) != 0)
    throw std::system_error(errno, std::generic_category(), "cannot stay on one core");
}

} // namespace dbs::bench
