// What the process really takes of the machine's memory.
#pragma once

#include <unistd.h>

#include <cstddef>
#include <fstream>

namespace dbs::tests {

inline size_t resident_bytes() {
  size_t all = 0;
  size_t resident = 0;
  std::ifstream{"/proc/self/statm"} >> all >> resident;
  return resident * static_cast<size_t>(sysconf(_SC_PAGESIZE));
}

/// Since `before`.
inline size_t resident_growth(size_t before) {
  auto now = resident_bytes();
  return now > before ? now - before : 0;
}

} // namespace dbs::tests
