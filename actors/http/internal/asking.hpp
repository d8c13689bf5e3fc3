// How the HTTP manager asks other managers, and what it says of their errors.
#pragma once

#include "dbs/actors/client/pending_request.hpp"
#include "dbs/actors/http/internal/views.hpp"
#include "dbs/messages/call_context.hpp"
#include "dbs/messages/error_detail.hpp"
#include "dbs/runtime/http/message.hpp"

#include <caf/error.hpp>
#include <caf/sec.hpp>
#include <caf/timespan.hpp>

#include <chrono>
#include <utility>

namespace dbs::internal {

/// How long other managers may take to answer, unless the request says otherwise.
inline constexpr caf::timespan ask_limit = std::chrono::seconds{2};

/// By how much CAF's timeout, which covers whoever hangs, exceeds the deadline, by
/// which everybody else answers.
inline constexpr caf::timespan ask_grace = std::chrono::milliseconds{500};

/// In our words: whoever hangs shows as CAF's timeout.
inline caf::error without_caf(const caf::error& reason) {
  return reason == caf::sec::request_timeout
             ? fail(errc::deadline_exceeded, "there was no answer in time")
             : as_service_error(reason);
}

/// Handles what `ask` may fail with.
inline auto or_error(const http_responder& answer) {
  return [answer](const caf::error& reason) { answer.answer(to_response(without_caf(reason))); };
}

template <class Self, class Handle, class Verb, class... Ts>
auto ask_within(Self* self, caf::timespan limit, const Handle& whom, Verb verb, Ts... what) {
  auto context = call_context::within(self->now(), limit);
  context.caller = caller_class::admin;
  return self->mail(verb, std::move(context), std::move(what)...).request(whom, limit + ask_grace);
}

template <class Self, class Handle, class Verb, class... Ts>
auto ask(Self* self, const Handle& whom, Verb verb, Ts... what) {
  return ask_within(self, ask_limit, whom, verb, std::move(what)...);
}

/// Lets the server wait for the answer to a request of the client's own limit.
inline void wait_for(const http_responder& answer, caf::timespan limit) {
  answer.answer_within(limit + 2 * ask_grace);
}

} // namespace dbs::internal
