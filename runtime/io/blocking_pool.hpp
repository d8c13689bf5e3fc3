// A few threads for calls that block, so that event loops never do: name
// resolution, libpq's cancel requests.
//
// Give calls that may hang for long (a cancel request to a paused server) a pool
// of their own, so that they cannot starve the others.
#pragma once

#include <boost/asio/io_context.hpp>

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>

namespace dbs {

/// Runs jobs on at most `max_threads` threads, which are started on demand and
/// block all signals. Jobs must not throw. Thread-safe.
class blocking_pool {
public:
  using job = std::function<void()>;

  /// How long the destructor waits for jobs that run.
  static constexpr std::chrono::milliseconds grace{200};

  /// @param max_threads how many jobs may run at a time, at least 1.
  /// @param max_queued how many more may wait for a thread.
  blocking_pool(size_t max_threads, size_t max_queued);

  /// Forgets the jobs that wait. A job that runs gets `grace` to end, then its
  /// thread is detached: a job must therefore own whatever it touches. No `done`
  /// is posted once the destructor has begun. Destroy the pool before the event
  /// loops it posts to.
  ~blocking_pool();

  blocking_pool(const blocking_pool&) = delete;
  blocking_pool& operator=(const blocking_pool&) = delete;

  /// Runs `work` on some thread and then posts `done` to `io`. False, and neither
  /// happens, if too many jobs wait already or no thread could be started.
  bool submit(job work, boost::asio::io_context& io, job done);

private:
  struct state;

  std::shared_ptr<state> state_;
};

} // namespace dbs
