#include "dbs/runtime/cache/keyed_hash.hpp"

#include <sys/random.h>

#include <array>
#include <cerrno>
#include <system_error>

namespace dbs::cache {

keyed_hash::keyed_hash() {
  std::array<uint64_t, 2> secret{};
  // So few bytes come whole or not at all (getrandom(2)).
  if (getrandom(secret.data(), sizeof(secret), 0) != sizeof(secret))
    throw std::system_error(errno, std::generic_category(), "no secret for a hash: getrandom");
  k0_ = secret[0];
  k1_ = secret[1];
}

} // namespace dbs::cache
