#include "dbs/runtime/io/blocking_pool.hpp"

#include "dbs/runtime/io/signals_blocked.hpp"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <list>
#include <mutex>
#include <system_error>
#include <thread>

namespace dbs {

/// Shared with the threads, since those that hang outlive the pool.
struct blocking_pool::state {
  /// What happens on the loop once a job is over.
  struct ending {
    loop_context* io;
    job done;
  };

  struct task {
    job work;
    ending end;
  };

  std::mutex mtx;
  std::condition_variable work_arrived;
  std::deque<task> queue;
  /// The ends of jobs that run. Not with the thread, which may outlive what they
  /// own: a strong reference to an actor, say.
  std::list<ending> running;
  size_t max_threads;
  size_t max_queued;
  size_t threads = 0;
  size_t idle = 0;
  bool stopped = false;

  state(size_t threads_arg, size_t queued_arg)
      : max_threads(std::max(threads_arg, size_t{1})), max_queued(queued_arg) {}

  /// A thread counts as idle from its start until it takes a task.
  void run() {
    std::unique_lock guard{mtx};
    for (;;) {
      work_arrived.wait(guard, [this] { return stopped || !queue.empty(); });
      if (stopped)
        return;
      --idle;
      auto work = std::move(queue.front().work);
      auto end = running.insert(running.end(), std::move(queue.front().end));
      queue.pop_front();
      guard.unlock();
      work();
      work = nullptr; // frees what the job owns before its end is told
      guard.lock();
      if (stopped)
        return; // `end` has gone with the pool
      ++idle;
      // Under the lock: the destructor has not begun, so the loop is alive.
      end->io->post(std::move(end->done));
      running.erase(end);
    }
  }
};

blocking_pool::blocking_pool(size_t max_threads, size_t max_queued)
    : state_(std::make_shared<state>(max_threads, max_queued)) {}

blocking_pool::~blocking_pool() {
  // Destroyed here, on the owner's thread, when the lock is free again.
  std::deque<state::task> forgotten;
  std::list<state::ending> untold;
  std::lock_guard guard{state_->mtx};
  state_->stopped = true;
  forgotten.swap(state_->queue);
  untold.swap(state_->running);
  state_->work_arrived.notify_all();
}

bool blocking_pool::submit(job work, loop_context& io, job done) {
  std::lock_guard guard{state_->mtx};
  auto& st = *state_;
  // Tasks that an idle or a new thread takes at once do not wait.
  auto startable = st.max_threads - st.threads;
  if (st.queue.size() >= st.max_queued + st.idle + startable)
    return false;
  if (st.queue.size() >= st.idle && startable > 0) {
    try {
      signals_blocked mask; // inherited by the thread
      std::thread{[ptr = state_] { ptr->run(); }}.detach();
      ++st.threads;
      ++st.idle;
    } catch (const std::system_error&) {
      if (st.threads == 0)
        return false;
    }
  }
  st.queue.push_back({std::move(work), {&io, std::move(done)}});
  st.work_arrived.notify_one();
  return true;
}

} // namespace dbs
