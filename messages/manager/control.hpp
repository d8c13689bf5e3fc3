// What the supervisor says to every manager, and the reports it gets back.
#pragma once

#include "dbs/messages/call_context.hpp"
#include "dbs/messages/field.hpp"

#include <caf/result.hpp>
#include <caf/typed_actor.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace dbs {

/// In the words of the operational runbook.
enum class health_status : uint8_t {
  healthy,
  /// Works, but not as it should: a dependency with a fallback is away, or a
  /// bound is close.
  degraded,
  unhealthy,
};

std::string to_string(health_status x);
bool from_string(caf::string_view in, health_status& out);
bool from_integer(uint8_t in, health_status& out);

template <class Inspector>
bool inspect(Inspector& f, health_status& x) {
  return caf::default_enum_inspect(f, x);
}

/// The answer to `health`: cheap, from what the manager knows, never a probe.
struct health_report {
  std::string component;
  health_status status = health_status::unhealthy;
  /// One sentence; empty when healthy.
  std::string detail;
  /// Figures of the component, dotted names.
  std::vector<field> fields;
};

template <class Inspector>
bool inspect(Inspector& f, health_report& x) {
  return f.object(x).fields(f.field("component", x.component), f.field("status", x.status),
                            f.field("detail", x.detail), f.field("fields", x.fields));
}

/// The answer to `stats`.
struct stats_report {
  std::string component;
  /// Dotted names become nested objects in JSON.
  std::vector<field> fields;
};

template <class Inspector>
bool inspect(Inspector& f, stats_report& x) {
  return f.object(x).fields(f.field("component", x.component), f.field("fields", x.fields));
}

/// Changes a size of a running manager. Values that make no sense are refused
/// with `invalid_argument` and change nothing.
struct resize_request {
  /// Which size: "pool_size" or "max_overflow" of the pool.
  std::string what;
  int64_t size = 0;
};

template <class Inspector>
bool inspect(Inspector& f, resize_request& x) {
  return f.object(x).fields(f.field("what", x.what), f.field("size", x.size));
}

/// The interface between the supervisor and a manager. Nobody else speaks it.
///
/// - `start` makes the manager work and is answered after its first real probe of
///   what it depends on: with nothing, or with the reason why that failed. A
///   manager whose start failed lives on and keeps trying.
/// - `ready` is answered as soon as a probe has succeeded, however late.
/// - `drain` takes no new work, lets running work end until the deadline, frees
///   what the manager holds and is answered when that is done.
/// - `health`, `stats` answer from what is known, at once.
/// - `resize` changes a bound at run time.
using manager_control_actor =
    caf::typed_actor<caf::result<void>(start_atom, call_context),
                     caf::result<void>(ready_atom, call_context),
                     caf::result<void>(drain_atom, call_context),
                     caf::result<health_report>(health_atom, call_context),
                     caf::result<stats_report>(stats_atom, call_context),
                     caf::result<void>(resize_atom, call_context, resize_request)>;

} // namespace dbs
