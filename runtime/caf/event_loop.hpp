// An event loop with a thread of its own on which actors run.
#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

#include <caf/execution_unit.hpp>
#include <caf/resumable.hpp>

#include <atomic>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace dbs {

/// Runs loop actors (see `loop_actor.hpp`) and the completions of their sockets on
/// one thread, so that a manager that owns sockets needs no locks and a request
/// to it costs two hand-overs, not four.
///
/// Only loop actors run here. Anybody else that CAF hands to this unit - a caller
/// woken by an answer - goes to the scheduler: callers' code never runs on a loop.
/// They go together, after what is ready on the loop now: to wake a worker costs more
/// than to answer a caller, and whoever is busy with ten sockets wakes it once.
///
/// Order of shutdown: stop the actors, then `stop()` the loop, then destroy the
/// actor system.
class event_loop final : public caf::execution_unit {
public:
  enum class drive {
    /// The loop runs on a thread of its own.
    thread,
    /// Whoever owns the loop calls `poll()`: for tests on virtual time.
    manual,
  };

  event_loop(caf::actor_system& system, std::string name, drive how = drive::thread);

  ~event_loop() override;

  boost::asio::io_context& io() noexcept { return io_; }

  const std::string& name() const noexcept { return name_; }

  /// The loop that runs on this thread, for whoever sends from it; null elsewhere,
  /// and for manual loops.
  static event_loop* of_this_thread() noexcept;

  /// Called by CAF, on any thread.
  void exec_later(caf::resumable* what) override;

  /// True on the thread that runs this loop.
  bool running_in_this_thread() const noexcept { return std::this_thread::get_id() == thread_id_; }

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
  void run_ready();
  void wake_callers();

  boost::asio::io_context io_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> guard_;
  std::string name_;
  std::mutex mutex_;
  std::vector<caf::resumable*> ready_; // guarded by mutex_
  bool scheduled_ = false;             // guarded by mutex_
  std::atomic<bool> stopped_{false};   // written under mutex_
  std::vector<caf::resumable*> running_;
  /// For the scheduler, once the loop has done what is ready.
  std::vector<caf::resumable*> woken_;
  std::thread thread_;
  std::thread::id thread_id_;
};

} // namespace dbs
