// The distribution of a duration, in the few numbers that people ask for.
#pragma once

#include "dbs/messages/type_ids.hpp"

#include <caf/timespan.hpp>

#include <cstdint>

namespace dbs {

/// A duration's distribution since the start; percentiles are exact within 1 %.
struct latency_summary {
  uint64_t count = 0;
  caf::timespan avg{0};
  caf::timespan p50{0};
  caf::timespan p95{0};
  caf::timespan p99{0};
  caf::timespan max{0};
};

template <class Inspector>
bool inspect(Inspector& f, latency_summary& x) {
  return f.object(x).fields(f.field("count", x.count), f.field("avg", x.avg), f.field("p50", x.p50),
                            f.field("p95", x.p95), f.field("p99", x.p99), f.field("max", x.max));
}

} // namespace dbs
