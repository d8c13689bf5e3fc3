// What the supervisor answers: the tree of children and their reports.
#pragma once

#include "dbs/messages/manager/control.hpp"
#include "dbs/messages/manager/front_stats.hpp"

#include <caf/timespan.hpp>

namespace dbs {

/// Where a child stands. `up` means ready at least once in this incarnation.
enum class child_state : uint8_t {
  waiting,
  starting,
  /// Runs, but its first probe failed; keeps trying.
  not_ready,
  up,
  backoff,
  draining,
  stopped,
};

std::string to_string(child_state x);
bool from_string(caf::string_view in, child_state& out);
bool from_integer(uint8_t in, child_state& out);

template <class Inspector>
bool inspect(Inspector& f, child_state& x) {
  return caf::default_enum_inspect(f, x);
}

/// A child of the supervisor, as `dbsctl tree` shows it.
struct child_info {
  std::string id;
  child_state state = child_state::waiting;
  /// Counts the actors that have stood behind this child's handle.
  uint64_t incarnation = 0;
  uint64_t restarts = 0;
  /// Since when the child is in its state.
  caf::timespan in_state{0};
  std::vector<std::string> dependencies;
  /// Why it is not up, or why it died last; empty if it never failed.
  std::string last_error;
  /// Of the handle in front of it, over all incarnations.
  front_stats front;
};

template <class Inspector>
bool inspect(Inspector& f, child_info& x) {
  return f.object(x).fields(f.field("id", x.id), f.field("state", x.state),
                            f.field("incarnation", x.incarnation), f.field("restarts", x.restarts),
                            f.field("in_state", x.in_state),
                            f.field("dependencies", x.dependencies),
                            f.field("last_error", x.last_error), f.field("front", x.front));
}

/// - `tree`: every child, in start order.
/// - `ready`: answered once all children are ready, or when the deadline passes.
/// - `health`: one report per child.
/// - `stats`: the report of the named child; `not_found` if there is none.
/// - `resize`: hands the request to the named child.
/// - `restart`: ends the named child at once, as a crash would; it comes back as after
///   a crash. `not_ready` if it does not run.
/// - `shutdown`: drains and stops all children in reverse order.
using supervisor_actor =
    caf::typed_actor<caf::result<std::vector<child_info>>(tree_atom, call_context),
                     caf::result<void>(ready_atom, call_context),
                     caf::result<std::vector<health_report>>(health_atom, call_context),
                     caf::result<stats_report>(stats_atom, call_context, std::string),
                     caf::result<void>(resize_atom, call_context, std::string, resize_request),
                     caf::result<void>(restart_atom, call_context, std::string),
                     caf::result<void>(shutdown_atom, call_context)>;

} // namespace dbs
