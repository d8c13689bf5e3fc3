// A request of a client that is on its way.
#pragma once

#include "dbs/messages/error_detail.hpp"

#include <caf/error.hpp>
#include <caf/sec.hpp>

#include <utility>

namespace dbs {

/// What CAF itself has to say about a request, in our terms: a timeout at a blocking
/// edge is `deadline_exceeded`, everything else - the receiver is down, the promise
/// was broken - is `restarted`.
inline caf::error as_service_error(caf::error reason) {
  if (reason.category() == caf::type_id_v<errc>)
    return reason;
  if (reason == caf::sec::request_timeout)
    return fail(errc::deadline_exceeded, "the service did not answer in time: whether a write has "
                                         "taken effect is unknown");
  return fail(errc::restarted, "the service is gone: " + to_string(reason));
}

/// Wraps CAF's response handle: errors that reach the caller are always `dbs::errc`.
template <class Pending>
class [[nodiscard]] pending_request {
public:
  explicit pending_request(Pending pending) : pending_(std::move(pending)) {}

  /// Runs one of the two in the actor that asked, exactly once.
  template <class OnValue, class OnError>
  void then(OnValue on_value, OnError on_error) && {
    std::move(pending_).then(std::move(on_value),
                             [on_error = std::move(on_error)](caf::error& reason) mutable {
                               on_error(as_service_error(std::move(reason)));
                             });
  }

private:
  Pending pending_;
};

} // namespace dbs
