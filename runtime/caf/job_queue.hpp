// The queue of a scheduler's workers, and where they wait when it is empty.
#pragma once

#include <caf/resumable.hpp>

#include <semaphore.h>

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>
#include <vector>

namespace dbs {

/// What one idle worker does rather than sleep.
class idle_work {
public:
  /// Waits until there is something to do, or until `interrupt`.
  virtual void await() noexcept = 0;

  /// Does it, after each `await`. Jobs that this queues are the calling worker's, and
  /// if they are several and others can be quicker, the others'.
  virtual void serve(bool interrupted) noexcept = 0;

  /// Whether somebody is about to see that the worker that was here stays away, and calls
  /// `job_queue::help` then. From any thread.
  virtual bool looked_after() const noexcept = 0;

  /// From any thread, once for an `await` that runs or is about to: ends it.
  virtual void interrupt() noexcept = 0;

  /// Whether something was put off until the queue is empty. From any thread.
  virtual bool has_put_off() const noexcept = 0;

  /// Does it. From any worker, also while another one is in `await`.
  virtual void catch_up() noexcept = 0;

protected:
  ~idle_work() = default;
};

/// To wake a thread costs more than to handle a message. A worker is therefore woken
/// once, without the lock that it needs first, and the one that was busy last goes
/// first. A job costs no allocation.
class job_queue {
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

  /// @param cpus that the workers have, once and for all. Beyond these nobody could be quicker
  ///        than a worker that has brought several jobs: others are not woken for these until
  ///        it is known to stay away.
  explicit job_queue(size_t cpus = cpus_of_this_thread()) noexcept : cpus_(cpus) {}

  /// From any thread.
  void push(caf::resumable* job);

  /// On a worker's thread: the next job, whenever it comes.
  caf::resumable* pop(parking_place& place);

  /// From here on an idle worker does `work`, if it is the first: others wait until
  /// those before them are taken back. From any thread.
  void lend(idle_work& work);

  /// Nobody does `work` any more when this returns. Not from within it.
  void take_back(idle_work& work);

  /// Wakes as many workers as jobs wait: those that are awake may be busy for long. From any
  /// thread.
  void help();

  /// How many workers sleep now. From any thread.
  size_t sleeping();

  /// Whether jobs wait for a worker, as it was a moment ago. From any thread.
  bool has_jobs() const noexcept { return has_jobs_.load(std::memory_order_relaxed); }

  /// Once all workers have ended.
  template <class F>
  void drain(F fn) {
    for (; !jobs_.empty(); jobs_.pop_front())
      fn(jobs_.front());
  }

private:
  using lock = std::unique_lock<std::mutex>;

  static size_t cpus_of_this_thread() noexcept;

  void do_idle_work(lock& guard);
  /// Does what was put off until now. False if there is nothing. Releases the lock, for a
  /// time.
  bool catch_up(lock& guard);
  /// If somebody sleeps. Releases the lock, for a time.
  void wake_one(lock& guard);
  void wake(size_t how_many, lock& guard);

  const size_t cpus_;
  std::mutex mutex_;
  std::deque<caf::resumable*> jobs_;   // guarded by mutex_, like what follows
  std::vector<parking_place*> parked_; // the last one parked last
  std::vector<idle_work*> works_;
  /// What a worker does now.
  idle_work* at_work_ = nullptr;
  /// It is in `await`, and nobody has interrupted it.
  bool awaiting_ = false;
  /// Workers that catch up with some work now.
  size_t catching_up_ = 0;
  std::condition_variable left_work_;
  std::atomic<bool> has_jobs_{false}; // written under mutex_
};

} // namespace dbs
