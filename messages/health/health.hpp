// The public interface of the health manager.
#pragma once

#include "dbs/messages/manager/control.hpp"

#include <caf/timespan.hpp>

namespace dbs {

/// What the last round of asking every manager has found.
struct services_health {
  health_status overall = health_status::unhealthy;
  /// True if every manager has been ready since the start, and the round has found no
  /// critical component unhealthy.
  bool ready = false;
  /// One report per manager, in start order.
  std::vector<health_report> components;
  /// How long ago the round was.
  caf::timespan age{0};
};

template <class Inspector>
bool inspect(Inspector& f, services_health& x) {
  return f.object(x).fields(f.field("overall", x.overall), f.field("ready", x.ready),
                            f.field("components", x.components), f.field("age", x.age));
}

/// - `report` answers at once with the result of the last round; it never probes.
/// - `refresh` is answered with the result of a round that begins after the request,
///   for those who have just seen something change.
using health_actor = caf::typed_actor<caf::result<services_health>(report_atom, call_context),
                                      caf::result<services_health>(refresh_atom, call_context)>;

} // namespace dbs
