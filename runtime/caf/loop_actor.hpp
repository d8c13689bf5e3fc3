// Actors that run on an event loop, as CAF's brokers do on the multiplexer. Every
// manager of DatabaseServices is one.
//
// A manager is a state class with `make_behavior()`, as in CAF 1.x:
//
//     struct echo_state {
//       static inline const char* name = "dbs.echo";
//       explicit echo_state(loop_actor<echo_actor>* self) : self(self) {}
//       echo_actor::behavior_type make_behavior();
//       loop_actor<echo_actor>* self;
//     };
//     auto hdl = spawn_on<echo_state>(loop);
#pragma once

#include "dbs/runtime/caf/event_loop.hpp"
#include "dbs/runtime/caf/mail.hpp"
#include "dbs/runtime/caf/reply.hpp"
#include "dbs/runtime/io/timer_queue.hpp"

#include <caf/actor_clock.hpp>
#include <caf/actor_config.hpp>
#include <caf/behavior.hpp>
#include <caf/stateful_actor.hpp>

#include <atomic>
#include <exception>
#include <optional>
#include <string>
#include <utility>

namespace dbs {

namespace internal {

/// What killed a manager, as the error its callers get.
caf::error restarted_by(const std::exception_ptr& cause);

/// What a closed mailbox on `loop` answers.
caf::error manager_is_gone(const event_loop& loop);

/// `inner`, but a message whose call context has expired by `clock` is answered
/// `deadline_exceeded` and goes no further. A message without a deadline costs a
/// comparison of types more.
caf::behavior refuse_expired(caf::behavior inner, const caf::actor_clock& clock);

/// Binds an actor class of CAF to an event loop and makes its death orderly: the
/// current request, the mailbox and later requests are answered with `restarted`.
/// Requests that come too late for their caller's deadline are answered, not served,
/// unless the manager does that itself.
template <class Base>
class loop_bound : public Base {
public:
  explicit loop_bound(caf::actor_config& cfg)
      : Base(cfg), loop_(static_cast<event_loop*>(cfg.host)),
        timers_([this] { return now(); }, [this](timer_queue::time_point at) { arm(at); }) {
    this->set_exception_handler(
        [](caf::local_actor*, std::exception_ptr& cause) { return restarted_by(cause); });
  }

  // -- CAF ---------------------------------------------------------------------

  bool enqueue(caf::mailbox_element_ptr what, caf::execution_unit*) override {
    auto id = what->mid;
    auto asked_by = id.is_request() ? what->sender : nullptr;
    if (this->getf(caf::abstract_actor::collects_metrics_flag)) {
      what->set_enqueue_time();
      this->metrics_.mailbox_size->inc();
    }
    switch (this->mailbox().push_back(std::move(what))) {
    case caf::intrusive::inbox_result::unblocked_reader:
      caf::intrusive_ptr_add_ref(this->ctrl());
      if (gathers_requests_.load(std::memory_order_relaxed))
        loop_->exec_soon(this);
      else
        loop_->exec_later(this);
      return true;
    case caf::intrusive::inbox_result::queue_closed:
      // CAF would answer request_receiver_down, which says nothing to callers.
      if (this->getf(caf::abstract_actor::collects_metrics_flag))
        this->metrics_.mailbox_size->dec();
      if (asked_by)
        asked_by->enqueue(nullptr, id.response_id(), caf::make_message(manager_is_gone(*loop_)),
                          nullptr);
      return false;
    default:
      return true;
    }
  }

  caf::resumable::subtype_t subtype() const override { return caf::resumable::io_actor; }

  void initialize() override {
    Base::initialize();
    if (this->has_behavior() && guards_deadlines_)
      this->bhvr_stack().back() = refuse_expired(this->bhvr_stack().back(), this->clock());
  }

  caf::resumable::resume_result resume(caf::execution_unit* host, size_t messages) override {
    go mine{*this};
    if (!loop_->stopped())
      return Base::resume(host, messages);
    close_mailbox();
    return caf::resumable::done;
  }

  bool cleanup(caf::error&& reason, caf::execution_unit* host) override {
    close_mailbox();
    // Replies that only a timer holds are answered now, not when the last handle goes.
    timers_.clear();
    return Base::cleanup(std::move(reason), host);
  }

  // -- for state classes -------------------------------------------------------

  event_loop& loop() noexcept { return *loop_; }

  loop_context& io() noexcept { return loop_->io(); }

  /// From `make_behavior`: late requests reach the handlers, which answer them.
  void answer_late_requests() noexcept { guards_deadlines_ = false; }

  /// From `make_behavior`: while the scheduler has jobs that may send more requests, those
  /// that are here may wait for them. For managers that answer many at the price of one.
  void gather_requests() noexcept { gathers_requests_.store(true, std::memory_order_relaxed); }

  /// The manager's timers, on the actor clock.
  timer_queue& timers() noexcept { return timers_; }

  /// Read once for what happens in one go: to read a clock costs as much as some of what
  /// it measures. It is read anew each time for others on the loop, who use what this actor
  /// owns in a go of their own.
  caf::actor_clock::time_point now() {
    if (now_)
      return *now_;
    auto result = this->clock().now();
    if (going_)
      now_ = result;
    return result;
  }

  /// Runs `fn` as if a message had arrived: for the completions of sockets and
  /// for whatever another thread posts to the loop. `quit()` and exceptions work
  /// as in a handler; nothing happens if the actor is gone. The caller must hold a
  /// strong reference to the actor and have the loop's turn.
  template <class F>
  void enter(F&& fn) {
    go mine{*this};
    if (!this->activate(loop_))
      return;
    // The message before is over: nobody must answer it from here.
    this->current_mailbox_element(nullptr);
    try {
      fn();
    } catch (...) {
      this->quit(restarted_by(std::current_exception()));
    }
    this->finalize();
  }

private:
  /// While this actor runs.
  class go {
  public:
    explicit go(loop_bound& self) noexcept : self_(self), outer_(std::exchange(self.going_, true)) {
      self_.now_.reset();
    }

    ~go() {
      self_.now_.reset();
      self_.going_ = outer_;
    }

    go(const go&) = delete;
    go& operator=(const go&) = delete;

  private:
    loop_bound& self_;
    bool outer_;
  };

  /// Answers every request that CAF drains from the mailbox, whatever the nesting
  /// of the queue it comes from.
  struct bouncer {
    loop_bound* self;

    caf::intrusive::task_result operator()(caf::mailbox_element& x) const {
      if (self->getf(caf::abstract_actor::collects_metrics_flag))
        self->metrics_.mailbox_size->dec();
      answer_with(x, manager_is_gone(*self->loop_));
      return caf::intrusive::task_result::resume;
    }

    template <class Key, class Queue, class... Ts>
    caf::intrusive::task_result operator()(const Key&, const Queue&, Ts&... xs) const {
      return (*this)(xs...);
    }
  };

  /// Answers whatever is in the mailbox and will come. For its reader only.
  void close_mailbox() {
    if (this->mailbox().closed())
      return;
    this->mailbox().close();
    this->get_normal_queue().flush_cache();
    this->get_urgent_queue().flush_cache();
    bouncer refuse{this};
    while (this->mailbox().queue().new_round(1000, refuse).consumed_items > 0) {
      // Each round answers up to 1000 elements.
    }
  }

  /// Keeps one entry of the actor clock for the earliest timer. A later entry that
  /// is still pending fires for nothing, which is cheaper than disposing it: CAF
  /// keeps disposed entries until they are due.
  void arm(timer_queue::time_point at) {
    if (armed_ <= at)
      return;
    armed_ = at;
    this->run_scheduled(at, [this, at] {
      if (armed_ != at)
        return;
      armed_ = timer_queue::time_point::max();
      timers_.expire(now());
      if (auto next = timers_.next())
        arm(*next);
    });
  }

  event_loop* loop_;
  std::optional<caf::actor_clock::time_point> now_;
  bool going_ = false;
  timer_queue timers_;
  timer_queue::time_point armed_ = timer_queue::time_point::max();
  bool guards_deadlines_ = true;
  std::atomic<bool> gathers_requests_{false}; // read by senders
};

} // namespace internal

/// The base class of the loop actor behind the typed handle `Handle`.
template <class Handle>
using loop_actor = with_mail<internal::loop_bound<typename Handle::impl>>;

/// Spawns `State` on `loop`. The constructor runs on the calling thread; sends,
/// monitors and sockets belong into `make_behavior()`.
template <class State, class... Ts>
auto spawn_on(event_loop& loop, Ts&&... xs) {
  using handle = typename State::actor_type;
  caf::actor_config cfg{&loop};
  return loop.system()
      .spawn_class<caf::stateful_actor<State, loop_actor<handle>>, caf::no_spawn_options>(
          cfg, std::forward<Ts>(xs)...);
}

} // namespace dbs
