// What scripted managers have in common: answers by the script, on virtual time.
#pragma once

#include "dbs/messages/call_context.hpp"
#include "dbs/messages/error_detail.hpp"
#include "dbs/runtime/caf/reply.hpp"
#include "dbs/testing/scripted/call_script.hpp"

#include <caf/error.hpp>
#include <caf/result.hpp>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace dbs::testing {

/// A part of the state of a scripted manager.
///
/// @tparam Self is its loop actor.
template <class Self>
class scripted_peer {
public:
  using time_point = call_context::time_point;

  static constexpr time_point never = time_point::max();

  /// What a request gets, and when.
  struct verdict {
    time_point at;
    caf::error why;
    scripted_answer answer;
  };

  scripted_peer(Self* self, std::shared_ptr<call_script> script)
      : self_(self), script_(std::move(script)) {}

  call_script& script() const noexcept { return *script_; }

  /// For calls that succeed unless the script says otherwise.
  std::optional<scripted_answer> take_or_succeed(const std::string& call) const {
    auto result = script_->take(call);
    return result ? result : scripted_answer{};
  }

  /// @param answer is nothing for a call that is not expected, which is refused.
  /// @param start when the manager turns to the request.
  verdict judge(const call_context& context, std::optional<scripted_answer> answer,
                const std::string& call, time_point start) const {
    if (!answer)
      return {start, fail(errc::invalid_argument, script_->refuse(call)), {}};
    auto at = answer->silent() || start == never ? never : start + answer->delay();
    if (context.deadline <= at && context.has_deadline())
      return {std::max(context.deadline, self_->now()),
              fail(errc::deadline_exceeded, "not answered before the deadline: " + call),
              {}};
    return {at, answer->failure(), std::move(*answer)};
  }

  /// Answers the current request, now or later, with what the script has.
  template <class T>
  caf::result<T> give(verdict what) {
    if constexpr (std::is_void_v<T>) {
      return deliver<T>(std::move(what));
    } else {
      // Before anything is promised: it may be of a wrong type.
      auto value = what.answer.template what<T>();
      return deliver<T>(std::move(what), std::move(value));
    }
  }

  /// The same with `value`.
  template <class T>
  caf::result<T> give(verdict what, T value) {
    return deliver<T>(std::move(what), std::move(value));
  }

private:
  template <class T, class... Ts>
  caf::result<T> deliver(verdict what, Ts... values) {
    auto later = std::make_shared<reply<T>>(self_);
    auto answer = [later, why = std::move(what.why), values...] {
      if (why)
        later->deliver(why);
      else
        later->deliver(values...);
    };
    if (what.at == never)
      unanswered_.push_back(std::move(later));
    else if (what.at <= self_->now())
      answer();
    else
      self_->timers().schedule(what.at, std::move(answer));
    return reply<T>::pending();
  }

  Self* self_;
  std::shared_ptr<call_script> script_;
  /// Replies that are never given; they answer `restarted` when the manager ends.
  std::vector<std::shared_ptr<void>> unanswered_;
};

} // namespace dbs::testing
