// The messaging idioms of CAF 1.x on CAF 0.18.7: `self->mail(...)`,
// `anon_mail(...)` and `self->monitor(handle, callback)`.
//
// The rooms below `tests/` and `bench/` send and monitor through these, so that the
// port to CAF 1.x is to delete this file: there, the same words are members of CAF's
// own classes. What reads the same in both, `anon_send_exit` above all, is CAF's.
#pragma once

#include <caf/actor_cast.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/send.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <tuple>
#include <utility>

namespace dbs {

/// A message on its way; what `self->mail(...)` returns.
template <class Self, class... Ts>
class [[nodiscard]] pending_mail {
public:
  pending_mail(Self* self, std::tuple<Ts...>&& content)
      : self_(self), content_(std::move(content)) {}

  template <class Handle>
  void send(const Handle& receiver) && {
    std::apply([&](auto&... xs) { self_->send(receiver, std::move(xs)...); }, content_);
  }

  /// Inside a node `timeout` is `caf::infinite`: requests carry their deadline in
  /// the call context, and a finite CAF timeout costs three to five times the
  /// request itself.
  template <class Handle>
  auto request(const Handle& receiver, caf::timespan timeout) && {
    return std::apply(
        [&](auto&... xs) { return self_->request(receiver, timeout, std::move(xs)...); }, content_);
  }

  /// Hands the current request on: the receiver answers its sender.
  template <class Handle>
  auto delegate(const Handle& receiver) && {
    return std::apply([&](auto&... xs) { return self_->delegate(receiver, std::move(xs)...); },
                      content_);
  }

private:
  Self* self_;
  std::tuple<Ts...> content_;
};

/// A message without a sender; what `anon_mail(...)` returns.
template <class... Ts>
class [[nodiscard]] pending_anon_mail {
public:
  explicit pending_anon_mail(std::tuple<Ts...>&& content) : content_(std::move(content)) {}

  template <class Handle>
  void send(const Handle& receiver) && {
    std::apply([&](auto&... xs) { caf::anon_send(receiver, std::move(xs)...); }, content_);
  }

private:
  std::tuple<Ts...> content_;
};

/// Starts a message from `self`: an actor pointer or a `caf::scoped_actor`.
template <class Self, class... Ts>
auto mail(Self& self, Ts&&... xs) {
  using self_type = std::remove_reference_t<decltype(*self)>;
  return pending_mail<self_type, caf::detail::strip_and_convert_t<Ts>...>{
      &*self, std::tuple<caf::detail::strip_and_convert_t<Ts>...>{std::forward<Ts>(xs)...}};
}

/// Starts a message without a sender.
template <class... Ts>
auto anon_mail(Ts&&... xs) {
  return pending_anon_mail<caf::detail::strip_and_convert_t<Ts>...>{
      std::tuple<caf::detail::strip_and_convert_t<Ts>...>{std::forward<Ts>(xs)...}};
}

/// Adds the members of 1.x to an actor class of 0.18.7.
template <class Base>
class with_mail : public Base {
public:
  using Base::Base;
  using Base::monitor;

  template <class... Ts>
  auto mail(Ts&&... xs) {
    auto self = this;
    return dbs::mail(self, std::forward<Ts>(xs)...);
  }

  /// Runs `fn(error)` in this actor once `whom` has terminated, at most once.
  ///
  /// The attached functor stays with `whom` for its whole life, so never monitor
  /// a long-lived actor repeatedly: see `owner_watch`.
  template <class Handle, class F>
  caf::disposable monitor(const Handle& whom, F fn) {
    if (!whom)
      return {};
    auto* target = caf::actor_cast<caf::abstract_actor*>(whom);
    auto reason = std::make_shared<caf::error>();
    auto callback =
        caf::make_action([reason, fn = std::move(fn)]() mutable { fn(std::move(*reason)); });
    target->attach_functor([weak_self = this->address(), reason, callback](const caf::error& what) {
      if (callback.disposed())
        return;
      *reason = what;
      if (auto self = caf::actor_cast<caf::strong_actor_ptr>(weak_self))
        self->enqueue(nullptr, caf::make_message_id(), caf::make_message(callback), nullptr);
    });
    return std::move(callback).as_disposable();
  }
};

} // namespace dbs
