// A scheduler policy for CAF: one queue for all workers, like CAF's `sharing`, that
// wakes workers without making them wait.
#pragma once

#include <caf/policy/unprofiled.hpp>
#include <caf/resumable.hpp>
#include <caf/scheduler/coordinator.hpp>

#include <semaphore.h>

#include <deque>
#include <mutex>
#include <vector>

namespace dbs {

/// CAF's `sharing` policy wakes a worker while it holds the lock that the worker
/// needs first, and wakes it again for every job that comes before it runs. To wake a
/// thread costs more than to handle a message, so this one does it once, without the
/// lock, and takes the worker that was busy last. It allocates nothing for a job.
///
/// For programs that own their actor system; see `program_config`. A host keeps
/// whatever policy it has.
class shared_queue_policy : public caf::policy::unprofiled {
public:
  /// Where one worker sleeps.
  class parking_place {
  public:
    parking_place() noexcept { sem_init(&woken_, 0, 0); }
    ~parking_place() { sem_destroy(&woken_); }

    parking_place(const parking_place&) = delete;
    parking_place& operator=(const parking_place&) = delete;

    void park() noexcept {
      while (sem_wait(&woken_) != 0) {
        // a signal came
      }
    }

    /// Called once for each `park`.
    void unpark() noexcept { sem_post(&woken_); }

  private:
    sem_t woken_;
  };

  struct coordinator_data {
    explicit coordinator_data(caf::scheduler::abstract_coordinator*) {}

    std::mutex mutex;
    std::deque<caf::resumable*> queue;  // guarded by mutex
    std::vector<parking_place*> parked; // guarded by mutex; the last one parked last
  };

  struct worker_data {
    explicit worker_data(caf::scheduler::abstract_coordinator*) {}

    /// CAF copies a prototype.
    worker_data(const worker_data&) {}

    parking_place place;
  };

  template <class Coordinator>
  void central_enqueue(Coordinator* coordinator, caf::resumable* job) {
    auto& shared = coordinator->data();
    parking_place* sleeper = nullptr;
    {
      std::lock_guard guard{shared.mutex};
      shared.queue.push_back(job);
      if (!shared.parked.empty()) {
        sleeper = shared.parked.back();
        shared.parked.pop_back();
      }
    }
    if (sleeper != nullptr)
      sleeper->unpark();
  }

  template <class Worker>
  void external_enqueue(Worker* worker, caf::resumable* job) {
    central_enqueue(worker->parent(), job);
  }

  template <class Worker>
  void internal_enqueue(Worker* worker, caf::resumable* job) {
    central_enqueue(worker->parent(), job);
  }

  template <class Worker>
  void resume_job_later(Worker* worker, caf::resumable* job) {
    central_enqueue(worker->parent(), job);
  }

  template <class Worker>
  caf::resumable* dequeue(Worker* worker) {
    auto& shared = worker->parent()->data();
    std::unique_lock guard{shared.mutex};
    while (shared.queue.empty()) {
      auto& place = worker->data().place;
      shared.parked.push_back(&place);
      guard.unlock();
      place.park();
      guard.lock();
    }
    auto* job = shared.queue.front();
    shared.queue.pop_front();
    return job;
  }

  /// Workers own no jobs.
  template <class Worker, class F>
  void foreach_resumable(Worker*, F) {}

  /// Once all workers have ended.
  template <class Coordinator, class F>
  void foreach_central_resumable(Coordinator* coordinator, F fn) {
    auto& queue = coordinator->data().queue;
    for (; !queue.empty(); queue.pop_front())
      fn(queue.front());
  }
};

} // namespace dbs
