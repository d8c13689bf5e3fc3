// An event loop with a thread of its own on which actors run.
#pragma once

#include "dbs/runtime/caf/job_queue.hpp"
#include "dbs/runtime/caf/socket_duty.hpp"
#include "dbs/runtime/io/loop_context.hpp"

#include <boost/asio/executor_work_guard.hpp>

#include <caf/execution_unit.hpp>
#include <caf/resumable.hpp>

#include <atomic>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace dbs {

/// Runs loop actors (see `loop_actor.hpp`) and the completions of their sockets, one
/// at a time, so that a manager that owns sockets needs no locks and a request to it
/// costs two hand-overs, not four.
///
/// A loop that lends its turn costs one: whoever sends to its actors while its thread
/// waits runs them at once, on the sending thread, as the loop. That is for actors
/// whose sockets are in `io().sockets()`, and whose posts go through `io().post`. Whoever
/// attaches a functor to such an actor must not lock in it what is locked where somebody
/// sends. Where `shared_queue_policy` schedules, an idle worker waits for the sockets and
/// serves them as the loop, too: the callers that this wakes are its own next jobs.
///
/// What was deferred in a turn (`loop_context::defer`) is run at its end; while the workers
/// have jobs, at the end of a later one, since those may bring more of it. So are actors that
/// gather their requests (`exec_soon`): the turn itself is put off. Neither waits for longer than
/// the first worker that finds nothing to do, and the loop's thread looks after it, too.
///
/// Only loop actors run here. Anybody else that CAF hands to this unit - a caller
/// woken by an answer - goes to the scheduler: callers' code never runs on a loop.
/// They go together, after what is ready on the loop now: to wake a worker costs more
/// than to answer a caller, and whoever is busy with ten sockets wakes it once.
///
/// Order of shutdown: stop the actors, then `stop()` the loop, then destroy the
/// actor system.
class event_loop final : public caf::execution_unit, private idle_work {
public:
  enum class drive {
    /// The loop runs on a thread of its own.
    thread,
    /// On a thread of its own, and on those that send to its actors while that waits.
    lent,
    /// Whoever owns the loop calls `poll()`: for tests on virtual time.
    manual,
  };

  event_loop(caf::actor_system& system, std::string name, drive how = drive::thread);

  ~event_loop() override;

  loop_context& io() noexcept { return io_; }

  const std::string& name() const noexcept { return name_; }

  /// The loop that runs on this thread now, for whoever sends from it; null
  /// elsewhere, and for manual loops.
  static event_loop* of_this_thread() noexcept;

  /// Called by CAF, on any thread.
  void exec_later(caf::resumable* what) override;

  /// The same for an actor that had rather handle many messages at a time.
  void exec_soon(caf::resumable* what);

  /// True on the thread that runs this loop now.
  bool running_in_this_thread() const noexcept {
    return of_this_thread() == this || std::this_thread::get_id() == driver_;
  }

  /// Runs whatever is ready, without waiting; for manual loops only. Returns how
  /// many handlers ran.
  size_t poll();

  /// Runs what is ready, then stops and joins the thread. Actors that live on are
  /// not run any more: what waits in their mailboxes and what comes later is
  /// answered `draining`. Idempotent; not from the loop's own thread.
  void stop();

  /// True once `stop` has joined the thread.
  bool stopped() const noexcept { return stopped_.load(std::memory_order_acquire); }

private:
  void run();
  void run_ready();
  void serve_ready_sockets();
  /// `body`, as the loop, for who has its turn; then wakes the callers. Throws
  /// nothing: what leaves a manager on its loop ends the process.
  template <class F>
  void run_turn(loop_context::turn mine, F body) noexcept;
  void wake_callers(loop_context::turn mine);

  // idle_work
  void await() noexcept override;
  void serve(bool interrupted) noexcept override;
  bool looked_after() const noexcept override { return !thread_watches_.load(); }
  void interrupt() noexcept override;
  bool has_put_off() const noexcept override { return has_gathering_ || io_.has_deferred(); }
  void catch_up() noexcept override;

  bool more_may_come() const noexcept { return workers_ != nullptr && workers_->has_jobs(); }
  /// Sees to it that what is put off now does not wait for long.
  void put_off();
  void run_put_off();
  /// At the end of a turn.
  void run_put_off_unless_more_comes();
  void resume_all(std::vector<caf::resumable*>& actors);

  loop_context io_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> guard_;
  std::string name_;
  std::mutex mutex_;
  std::vector<caf::resumable*> ready_;     // guarded by mutex_
  bool scheduled_ = false;                 // guarded by mutex_
  std::vector<caf::resumable*> gathering_; // guarded by mutex_
  std::atomic<bool> has_gathering_{false}; // written under mutex_
  std::atomic<bool> stopped_{false};       // written under mutex_
  // For who has the turn:
  std::vector<caf::resumable*> running_;
  std::vector<caf::resumable*> gathered_;
  /// For the scheduler, once the loop has done what is ready.
  std::vector<caf::resumable*> woken_;
  bool wakes_callers_ = false; // at the end of this turn
  /// Whose idle workers wait for the sockets; null if it is none's.
  job_queue* workers_ = nullptr;
  socket_duty duty_;
  /// The loop's thread waits for as long as it takes.
  std::atomic<bool> thread_watches_{false};
  // For the worker that waits:
  socket_set::readiness ready_sockets_;
  bool thread_sleeps_ = false;
  std::thread thread_;
  std::thread::id driver_; // of a manual loop
};

} // namespace dbs
