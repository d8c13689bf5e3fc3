// A few threads for calls that block, so that event loops never do: name
// resolution, libpq's cancel requests.
//
// Give calls that may hang for long (a cancel request to a paused server) a pool
// of their own, so that they cannot starve the others.
#pragma once

#include "dbs/runtime/io/loop_context.hpp"

#include <cstddef>
#include <functional>
#include <memory>

namespace dbs {

/// Runs jobs on at most `max_threads` threads, which are started on demand, are never
/// joined and block all signals. Jobs must not throw. Thread-safe.
class blocking_pool {
public:
  using job = std::function<void()>;

  /// @param max_threads how many jobs may run at a time, at least 1.
  /// @param max_queued how many more may wait for a thread.
  blocking_pool(size_t max_threads, size_t max_queued);

  /// Forgets the jobs that wait and does not wait for those that run, so that it may
  /// be called on an event loop. Their threads end with the jobs: a job must own
  /// whatever it touches, and nothing that must not die on another thread. No `done`
  /// is posted once the destructor has begun; all of them are destroyed in it.
  /// Destroy the pool before the event loops it posts to.
  ~blocking_pool();

  blocking_pool(const blocking_pool&) = delete;
  blocking_pool& operator=(const blocking_pool&) = delete;

  /// Runs `work` on some thread and then posts `done` to `io`. False, and neither
  /// happens, if too many jobs wait already or no thread could be started.
  bool submit(job work, loop_context& io, job done);

private:
  struct state;

  std::shared_ptr<state> state_;
};

} // namespace dbs
