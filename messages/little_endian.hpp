// Numbers in the layouts of our blobs.
#pragma once

#include <cstdint>

namespace dbs::internal {

/// Compilers turn these into one move on little-endian machines.
inline uint32_t load_u32(const char* from) noexcept {
  auto byte = [from](int i) { return static_cast<uint32_t>(static_cast<unsigned char>(from[i])); };
  return byte(0) | byte(1) << 8 | byte(2) << 16 | byte(3) << 24;
}

inline uint64_t load_u64(const char* from) noexcept {
  return load_u32(from) | static_cast<uint64_t>(load_u32(from + 4)) << 32;
}

inline void store_u32(char* to, uint32_t x) noexcept {
  for (auto i = 0; i < 4; ++i)
    to[i] = static_cast<char>(x >> (8 * i) & 0xff);
}

inline void store_u64(char* to, uint64_t x) noexcept {
  store_u32(to, static_cast<uint32_t>(x));
  store_u32(to + 4, static_cast<uint32_t>(x >> 32));
}

} // namespace dbs::internal
