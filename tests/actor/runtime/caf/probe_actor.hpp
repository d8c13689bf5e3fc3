// A manager with one verb for everything that can happen to a request: the tests
// of fronts, loop actors and the supervisor use it.
#pragma once

#include "dbs/messages/manager/control.hpp"
#include "dbs/runtime/caf/loop_actor.hpp"

#include <caf/type_id.hpp>

#include <memory>
#include <stdexcept>
#include <vector>

namespace dbs::tests {

using probe_actor = caf::typed_actor<
    // Answers at once.
    caf::result<int32_t>(caf::get_atom, call_context, int32_t),
    // Keeps the promise open.
    caf::result<int32_t>(caf::put_atom, call_context, int32_t),
    // Answers what is open, each with its own number.
    caf::result<void>(caf::reset_atom, call_context),
    // Hands the request to the backend's `put`.
    caf::result<int32_t>(caf::forward_atom, call_context, int32_t),
    // Dies in the handler.
    caf::result<int32_t>(caf::delete_atom, call_context),
    // Quits in the handler, and answers.
    caf::result<int32_t>(caf::close_atom, call_context, int32_t),
    // Dies in a timer, a second later.
    caf::result<void>(caf::tick_atom, call_context)>;

struct probe_options {
  /// Throws in `make_behavior`.
  bool broken = false;
  /// Where `forward` goes.
  probe_actor backend = {};
  /// Counts the requests whose handlers ran.
  std::shared_ptr<int> handled = std::make_shared<int>(0);
};

struct probe_state {
  using actor_type = probe_actor;
  static inline const char* name = "dbs.tests.probe";

  struct promise {
    reply<int32_t> answer;
    int32_t value;
  };

  explicit probe_state(loop_actor<probe_actor>* ptr, probe_options what = {})
      : self(ptr), options(std::move(what)) {}

  probe_actor::behavior_type make_behavior() {
    if (options.broken)
      throw std::runtime_error("no behavior");
    return {
        [this](caf::get_atom, const call_context&, int32_t x) {
          ++*options.handled;
          return x;
        },
        [this](caf::put_atom, const call_context&, int32_t x) -> caf::result<int32_t> {
          ++*options.handled;
          open.push_back({reply<int32_t>{self}, x});
          return reply<int32_t>::pending();
        },
        [this](caf::reset_atom, const call_context&) {
          for (auto& x : open)
            x.answer.deliver(x.value);
          open.clear();
        },
        [this](caf::forward_atom, const call_context& context, int32_t x) {
          return self->mail(caf::put_atom_v, context, x).delegate(options.backend);
        },
        [](caf::delete_atom, const call_context&) -> caf::result<int32_t> {
          throw std::runtime_error("boom");
        },
        [this](caf::close_atom, const call_context&, int32_t x) {
          self->quit();
          return x;
        },
        [this](caf::tick_atom, const call_context&) {
          self->timers().schedule_after(std::chrono::seconds{1},
                                        [] { throw std::runtime_error("tick"); });
        },
    };
  }

  loop_actor<probe_actor>* self;
  probe_options options;
  std::vector<promise> open;
};

/// The actor behind a handle that `spawn_on<State>` made.
template <class State>
auto& actor_of(const typename State::actor_type& handle) {
  using type = caf::stateful_actor<State, loop_actor<typename State::actor_type>>;
  return *static_cast<type*>(caf::actor_cast<caf::abstract_actor*>(handle));
}

/// The code of an answer that must be an error of ours.
template <class T>
errc code_of(const caf::expected<T>& answer) {
  if (answer)
    throw std::logic_error("the answer is no error");
  if (answer.error().category() != caf::type_id_v<errc>)
    throw std::logic_error("the answer is no error of ours: " + to_string(answer.error()));
  return static_cast<errc>(answer.error().code());
}

} // namespace dbs::tests
