// One blocking request from a thread, with the edge timeout that such calls need.
#pragma once

#include "dbs/actors/client/call_options.hpp"
#include "dbs/actors/client/pending_request.hpp"
#include "dbs/runtime/caf/mail.hpp"

#include <caf/expected.hpp>
#include <caf/scoped_actor.hpp>

#include <type_traits>
#include <utility>

namespace dbs {

/// How much longer than its own timeout a blocking call waits for the answer, which
/// the service gives by the deadline.
inline constexpr caf::timespan blocking_grace = std::chrono::seconds{1};

/// How long a blocking call may take. A timeout beyond what can be told is none.
inline caf::timespan edge_timeout(const call_options& options) {
  if (!options.timeout || *options.timeout > caf::timespan::max() - blocking_grace)
    return caf::timespan{caf::infinite};
  return *options.timeout + blocking_grace;
}

template <class T, class Handle, class Verb, class... Ts>
caf::expected<T> blocking_ask(caf::scoped_actor& self, const call_options& options,
                              const Handle& service, Verb verb, Ts&&... xs) {
  caf::expected<T> result{caf::error{}};
  auto pending = mail(self, verb, options.context(self->system()), std::forward<Ts>(xs)...)
                     .request(service, edge_timeout(options));
  auto on_error = [&result](caf::error& reason) { result = as_service_error(std::move(reason)); };
  if constexpr (std::is_void_v<T>)
    std::move(pending).receive([&result] { result = caf::expected<void>{caf::unit}; }, on_error);
  else
    std::move(pending).receive([&result](T& value) { result = std::move(value); }, on_error);
  return result;
}

} // namespace dbs
