// A request of a client that is on its way.
#pragma once

#include "dbs/messages/error_detail.hpp"

#include <caf/error.hpp>
#include <caf/sec.hpp>

#include <type_traits>
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

/// A request whose handler gets `convert(answer)` in place of the answer, or nothing if
/// that is void.
template <class Answer, class Pending, class Convert>
class [[nodiscard]] converted_request {
public:
  converted_request(pending_request<Pending> pending, Convert convert)
      : pending_(std::move(pending)), convert_(std::move(convert)) {}

  template <class OnValue, class OnError>
  void then(OnValue on_value, OnError on_error) && {
    std::move(pending_).then(
        [on_value = std::move(on_value), convert = std::move(convert_)](Answer& answer) mutable {
          if constexpr (std::is_void_v<std::invoke_result_t<Convert, Answer&>>)
            on_value();
          else
            on_value(convert(answer));
        },
        std::move(on_error));
  }

private:
  pending_request<Pending> pending_;
  Convert convert_;
};

template <class Answer, class Pending, class Convert>
converted_request<Answer, Pending, Convert> convert_answer(pending_request<Pending> pending,
                                                           Convert convert) {
  return {std::move(pending), std::move(convert)};
}

} // namespace dbs
