#include "dbs/runtime/caf/job_queue.hpp"

#include <utility>

namespace dbs {

namespace {

/// The queue whose idle work this thread serves now.
thread_local job_queue* serving = nullptr;

} // namespace

void job_queue::push(caf::resumable* job) {
  lock guard{mutex_};
  jobs_.push_back(job);
  if (serving == this)
    return; // this worker takes it next
  if (parked_.empty() && std::exchange(awaiting_, false))
    work_->interrupt();
  wake_one(guard);
}

caf::resumable* job_queue::pop(parking_place& place) {
  lock guard{mutex_};
  while (jobs_.empty()) {
    if (work_ != nullptr && !at_work_) {
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
  return job;
}

bool job_queue::lend(idle_work& work) {
  lock guard{mutex_};
  if (work_ != nullptr || at_work_)
    return false;
  work_ = &work;
  wake_one(guard);
  return true;
}

void job_queue::take_back(idle_work& work) {
  lock guard{mutex_};
  if (work_ != &work)
    return;
  if (std::exchange(awaiting_, false))
    work.interrupt();
  work_ = nullptr;
  left_work_.wait(guard, [this] { return !at_work_; });
}

size_t job_queue::sleeping() {
  lock guard{mutex_};
  return parked_.size();
}

void job_queue::do_idle_work(lock& guard) {
  auto& work = *work_;
  at_work_ = true;
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
  at_work_ = false;
  if (work_ == nullptr)
    left_work_.notify_all();
  // The first is this worker's own.
  for (auto others = jobs_.size(); others > 1 && !parked_.empty(); --others)
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
