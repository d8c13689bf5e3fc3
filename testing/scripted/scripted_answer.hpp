// What a scripted peer answers to one request, and when.
#pragma once

#include "dbs/messages/postgres/result.hpp"

#include <caf/error.hpp>
#include <caf/timespan.hpp>

#include <utility>

namespace dbs::testing {

/// Success without rows and without delay, unless told otherwise. The functions
/// return the object, for chains such as `.after(200ms).fail(...)`.
class scripted_answer {
public:
  scripted_answer& answer(pg_result rows) {
    rows_ = std::move(rows);
    return *this;
  }

  scripted_answer& fail(caf::error why) {
    why_ = std::move(why);
    return *this;
  }

  /// Answers when this much virtual time has passed.
  scripted_answer& after(caf::timespan delay) {
    delay_ = delay;
    return *this;
  }

  /// Answers when the request's deadline passes, with `deadline_exceeded`; a request
  /// without a deadline is never answered.
  scripted_answer& stay_silent() {
    silent_ = true;
    return *this;
  }

  const pg_result& rows() const noexcept { return rows_; }

  const caf::error& failure() const noexcept { return why_; }

  caf::timespan delay() const noexcept { return delay_; }

  bool silent() const noexcept { return silent_; }

private:
  pg_result rows_;
  caf::error why_;
  caf::timespan delay_{0};
  bool silent_ = false;
};

} // namespace dbs::testing
