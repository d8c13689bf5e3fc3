// A scheduler policy for CAF: one queue for all workers, like CAF's `sharing`, that
// wakes workers without making them wait.
#pragma once

#include "dbs/runtime/caf/job_queue.hpp"

#include <caf/actor_system.hpp>
#include <caf/policy/unprofiled.hpp>
#include <caf/resumable.hpp>
#include <caf/scheduler/coordinator.hpp>

namespace dbs {

/// CAF's `sharing` policy wakes a worker while it holds the lock that the worker
/// needs first, and wakes it again for every job that comes before it runs. This one
/// uses a `job_queue`, which also lets an idle worker wait for something else.
///
/// For programs that own their actor system; see `program_config`. A host keeps
/// whatever policy it has.
class shared_queue_policy : public caf::policy::unprofiled {
public:
  struct coordinator_data {
    explicit coordinator_data(caf::scheduler::abstract_coordinator*) {}

    job_queue queue;
  };

  struct worker_data {
    explicit worker_data(caf::scheduler::abstract_coordinator*) {}

    /// CAF copies a prototype.
    worker_data(const worker_data&) {}

    job_queue::parking_place place;
  };

  /// The queue of a system's workers; null if it has another policy.
  static job_queue* queue_of(caf::actor_system& system) {
    auto* mine =
        dynamic_cast<caf::scheduler::coordinator<shared_queue_policy>*>(&system.scheduler());
    return mine != nullptr ? &mine->data().queue : nullptr;
  }

  template <class Coordinator>
  void central_enqueue(Coordinator* coordinator, caf::resumable* job) {
    coordinator->data().queue.push(job);
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
    return worker->parent()->data().queue.pop(worker->data().place);
  }

  /// Workers own no jobs.
  template <class Worker, class F>
  void foreach_resumable(Worker*, F) {}

  /// Once all workers have ended.
  template <class Coordinator, class F>
  void foreach_central_resumable(Coordinator* coordinator, F fn) {
    coordinator->data().queue.drain(fn);
  }
};

} // namespace dbs
