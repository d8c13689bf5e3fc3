// Access traces from files.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace dbs::bench {

struct trace {
  std::string name;
  std::vector<uint64_t> accesses;
};

/// Reads `NAME.trace`, `NAME.trace.gz` or `NAME.trace.xz`. The beginning of the name says
/// what is in it:
///
/// - `lirs_`: a decimal number a line; blank lines and `*` are skipped;
/// - `cache2k_`: big-endian 32-bit numbers;
/// - `address_`: lines such as `l 0x1fffff50 1`, of which the second word counts.
///
/// Throws `std::runtime_error`, naming the file, if it cannot be read, or holds nothing.
trace read_trace(const std::filesystem::path& file);

} // namespace dbs::bench
