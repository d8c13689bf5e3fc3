// Element 1 of every public message: who asks, until when, under which trace.
#pragma once

#include "dbs/messages/type_ids.hpp"

#include <caf/actor_clock.hpp>
#include <caf/actor_system.hpp>
#include <caf/default_enum_inspect.hpp>
#include <caf/execution_unit.hpp>
#include <caf/message.hpp>
#include <caf/string_view.hpp>
#include <caf/timespan.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace dbs {

/// How urgent the caller is; what is shed first when a bound is reached.
enum class caller_class : uint8_t {
  interactive,
  batch,
  admin,
};

std::string to_string(caller_class x);
bool from_string(caf::string_view in, caller_class& out);
bool from_integer(uint8_t in, caller_class& out);

template <class Inspector>
bool inspect(Inspector& f, caller_class& x) {
  return caf::default_enum_inspect(f, x);
}

/// Travels with every request. In memory the deadline is a time of the actor
/// clock; when it leaves the process it is written as the duration that is left,
/// because the clocks of two processes have nothing in common.
struct call_context {
  using time_point = caf::actor_clock::time_point;

  /// Stands for "no deadline of the caller's own": the service applies its default.
  static constexpr time_point no_deadline = time_point::max();

  time_point deadline = no_deadline;
  caller_class caller = caller_class::interactive;
  /// Who is asking; `internal` inside the process.
  std::string principal = "internal";
  /// A 128-bit trace id in two halves; zero when the caller is not traced.
  uint64_t trace_id_high = 0;
  uint64_t trace_id_low = 0;

  bool has_deadline() const noexcept { return deadline != no_deadline; }

  bool expired(time_point now) const noexcept { return deadline <= now; }

  /// A context whose deadline lies `timeout` after `now`; one too far away to be
  /// represented is none.
  static call_context within(time_point now, caf::timespan timeout) {
    call_context result;
    result.deadline = timeout < no_deadline - now ? now + timeout : no_deadline;
    return result;
  }
};

/// The context of a request: element 1 of its message. Null if that is something else.
const call_context* context_of(const caf::message& request);

namespace internal {

/// The clock that a deadline in a (de)serialised message refers to: the actor
/// system's where the inspector knows one. CAF's printer does not.
template <class Inspector>
call_context::time_point inspection_now(Inspector& f) {
  if constexpr (requires { f.context()->system(); }) {
    if (f.context() != nullptr)
      return f.context()->system().clock().now();
  }
  return std::chrono::steady_clock::now();
}

} // namespace internal

template <class Inspector>
bool inspect(Inspector& f, call_context& x) {
  auto now = internal::inspection_now(f);
  auto get_left = [&x, now]() -> std::optional<caf::timespan> {
    if (!x.has_deadline())
      return std::nullopt;
    return std::chrono::duration_cast<caf::timespan>(x.deadline - now);
  };
  auto set_left = [&x, now](std::optional<caf::timespan> left) {
    x.deadline = left ? call_context::within(now, *left).deadline : call_context::no_deadline;
    return true;
  };
  return f.object(x).fields(f.field("deadline_left", get_left, set_left),
                            f.field("caller", x.caller), f.field("principal", x.principal),
                            f.field("trace_id_high", x.trace_id_high),
                            f.field("trace_id_low", x.trace_id_low));
}

} // namespace dbs
