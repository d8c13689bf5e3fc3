// What a scripted peer answers to one request, and when.
#pragma once

#include <caf/error.hpp>
#include <caf/timespan.hpp>

#include <any>
#include <stdexcept>
#include <utility>

namespace dbs::testing {

/// Success without delay, and with nothing in it (no rows, no value), unless told otherwise.
/// The functions return the object, for chains such as `.after(200ms).fail(...)`.
class scripted_answer {
public:
  /// What the call is answered with, of the type that it has: a `pg_result`, a `cache_value`.
  template <class T>
  scripted_answer& answer(T what) {
    what_ = std::move(what);
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

  /// What it has been told to answer, or else `otherwise`. Throws `std::logic_error`, which
  /// ends the scripted peer, if that is of another type.
  template <class T>
  T what(T otherwise = {}) const {
    if (!what_.has_value())
      return otherwise;
    if (auto* found = std::any_cast<T>(&what_))
      return *found;
    throw std::logic_error("the script answers with another type than the call has");
  }

  const caf::error& failure() const noexcept { return why_; }

  caf::timespan delay() const noexcept { return delay_; }

  bool silent() const noexcept { return silent_; }

private:
  std::any what_;
  caf::error why_;
  caf::timespan delay_{0};
  bool silent_ = false;
};

} // namespace dbs::testing
