#include "dbs/runtime/caf/job_queue.hpp"

#include <sched.h>

#include <algorithm>
#include <thread>
#include <utility>

namespace dbs {

namespace {

/// The queue whose idle work this thread serves now.
thread_local job_queue* serving = nullptr;

} // namespace

void job_queue::push(caf::resumable* job) {
  lock guard{mutex_};
  jobs_.push_back(job);
  has_jobs_.store(true, std::memory_order_relaxed);
  if (serving == this)
    return; // this worker takes it next
  if (parked_.empty() && std::exchange(awaiting_, false))
    at_work_->interrupt();
  wake_one(guard);
}

caf::resumable* job_queue::pop(parking_place& place) {
  lock guard{mutex_};
  while (jobs_.empty()) {
    if (catch_up(guard))
      continue;
    if (!works_.empty() && at_work_ == nullptr) {
      do_idle_work(guard);
    } else {
      parked_.push_back(&place);
      guard.unlock();
      place.park();
      guard.lock();
    }
  }
  auto* job = jobs_.front();
  jobs_.pop_front();
  has_jobs_.store(!jobs_.empty(), std::memory_order_relaxed);
  return job;
}

void job_queue::lend(idle_work& work) {
  lock guard{mutex_};
  works_.push_back(&work);
  wake_one(guard);
}

void job_queue::take_back(idle_work& work) {
  lock guard{mutex_};
  std::erase(works_, &work);
  if (at_work_ == &work && std::exchange(awaiting_, false))
    work.interrupt();
  left_work_.wait(guard, [this, &work] { return at_work_ != &work && catching_up_ == 0; });
  // For the next work, if there is one, and for what was left to be helped with.
  wake(jobs_.size() + 1, guard);
}

void job_queue::help() {
  lock guard{mutex_};
  wake(jobs_.size(), guard);
}

size_t job_queue::cpus_of_this_thread() noexcept {
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof(allowed), &allowed) == 0)
    return static_cast<size_t>(CPU_COUNT(&allowed));
  return std::max(1u, std::thread::hardware_concurrency()); // more than a set has room for
}

size_t job_queue::sleeping() {
  lock guard{mutex_};
  return parked_.size();
}

bool job_queue::catch_up(lock& guard) {
  for (auto* work : works_) {
    if (!work->has_put_off())
      continue;
    ++catching_up_;
    guard.unlock();
    work->catch_up();
    guard.lock();
    if (--catching_up_ == 0)
      left_work_.notify_all();
    return true;
  }
  return false;
}

void job_queue::do_idle_work(lock& guard) {
  auto& work = *works_.front();
  at_work_ = &work;
  awaiting_ = true;
  guard.unlock();
  work.await();
  guard.lock();
  auto interrupted = !std::exchange(awaiting_, false);
  guard.unlock();
  serving = this;
  work.serve(interrupted);
  serving = nullptr;
  guard.lock();
  // The first job is this worker's own.
  auto at_a_time = work.looked_after() ? std::min(jobs_.size(), cpus_) : jobs_.size();
  at_work_ = nullptr;
  if (works_.empty() || works_.front() != &work)
    left_work_.notify_all();
  if (at_a_time > 1)
    wake(at_a_time - 1, guard);
}

void job_queue::wake(size_t how_many, lock& guard) {
  for (; how_many > 0 && !parked_.empty(); --how_many)
    wake_one(guard);
}

void job_queue::wake_one(lock& guard) {
  if (parked_.empty())
    return;
  auto* sleeper = parked_.back();
  parked_.pop_back();
  guard.unlock();
  sleeper->unpark();
  guard.lock();
}

} // namespace dbs
