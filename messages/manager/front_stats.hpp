// What the stable handle of a service has done with its callers' messages.
#pragma once

#include <cstdint>

namespace dbs {

/// All counters only grow.
struct front_stats {
  /// Messages that had to wait for the child's start.
  uint64_t stashed = 0;
  /// Requests that were answered with an error because there was no child.
  uint64_t refused = 0;
  /// Those of them whose deadline passed, or that waited for too long.
  uint64_t expired = 0;
  /// Exit and down messages, which a front must not obey.
  uint64_t swallowed = 0;
};

template <class Inspector>
bool inspect(Inspector& f, front_stats& x) {
  return f.object(x).fields(f.field("stashed", x.stashed), f.field("refused", x.refused),
                            f.field("expired", x.expired), f.field("swallowed", x.swallowed));
}

} // namespace dbs
