// The answer that a manager owes to a request it keeps for later.
#pragma once

#include "dbs/messages/error_detail.hpp"
#include "dbs/runtime/caf/event_loop.hpp"

#include <caf/actor_control_block.hpp>
#include <caf/delegated.hpp>
#include <caf/mailbox_element.hpp>
#include <caf/make_message.hpp>
#include <caf/message_id.hpp>

#include <type_traits>
#include <utility>

namespace dbs {

/// Answers a request exactly once: with a value, with an error, or, if the manager
/// dies with the reply in its state, with `restarted`.
///
/// Unlike CAF's response promise it allocates nothing, may be destroyed while the
/// actor is being torn down, and never answers with `broken_promise`. Move-only.
///
/// A handler keeps one and returns `pending()`:
///
///     [this](get_atom, const call_context& ctx, key k) -> caf::result<blob> {
///       waiting_.push_back(reply<blob>{self});
///       return waiting_.back().pending();
///     }
template <class T>
class [[nodiscard]] reply {
public:
  reply() noexcept = default;

  /// Takes over the request that `self` is handling right now. Messages that are
  /// not requests, and completions, have nobody to answer to: the reply is then empty.
  template <class Self>
  explicit reply(Self* self) {
    auto* request = self->current_mailbox_element();
    if (request != nullptr && request->mid.is_request() && !request->mid.is_answered()) {
      receiver_ = request->sender;
      id_ = request->mid.response_id();
      request->mid.mark_as_answered();
    }
  }

  reply(reply&& other) noexcept
      : receiver_(std::exchange(other.receiver_, nullptr)), id_(other.id_) {}

  reply& operator=(reply&& other) noexcept {
    if (this != &other) {
      abandon();
      receiver_ = std::exchange(other.receiver_, nullptr);
      id_ = other.id_;
    }
    return *this;
  }

  ~reply() { abandon(); }

  /// Tells CAF that the answer comes later.
  static caf::delegated<T> pending() noexcept { return {}; }

  /// False once the answer is given, and for replies to nobody.
  explicit operator bool() const noexcept { return receiver_ != nullptr; }

  /// Whoever gets the answer.
  const caf::strong_actor_ptr& receiver() const noexcept { return receiver_; }

  template <class U = T>
  requires(!std::is_void_v<U>) void deliver(U value) { send(caf::make_message(std::move(value))); }

  void deliver() requires(std::is_void_v<T>) { send(caf::make_message()); }

  void deliver(caf::error reason) { send(caf::make_message(std::move(reason))); }

private:
  void send(caf::message answer) {
    // No sender: the receiver finds its handler by the id alone, and a strong
    // pointer to an actor that is being torn down would be one too many.
    if (auto to = std::exchange(receiver_, nullptr))
      to->enqueue(nullptr, id_, std::move(answer), event_loop::of_this_thread());
  }

  void abandon() {
    if (receiver_)
      deliver(fail(errc::restarted, "the manager stopped while it held the request"));
  }

  caf::strong_actor_ptr receiver_;
  caf::message_id id_;
};

/// Answers a mailbox element with `reason` if it is a request.
inline void answer_with(caf::mailbox_element& what, caf::error reason) {
  if (what.mid.is_request() && !what.mid.is_answered() && what.sender)
    what.sender->enqueue(nullptr, what.mid.response_id(), caf::make_message(std::move(reason)),
                         nullptr);
}

} // namespace dbs
