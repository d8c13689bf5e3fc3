// Who waits for the sockets of an event loop.
#pragma once

#include <atomic>
#include <cstdint>

namespace dbs {

/// The loop's own thread does, unless workers of the scheduler that have nothing else
/// to do come and wait instead: what a socket brings is mostly an answer to an actor,
/// and the worker that has it runs the actor without being woken. Since a worker may
/// be away for long with what it has found, the loop's thread looks after it now and
/// then, and takes over when nobody has come back.
class socket_duty {
public:
  enum class task {
    /// Wait for the sockets.
    watch,
    /// A worker does. Look again before long.
    look_again,
    /// A worker has waited for long, and will call when it leaves.
    sleep,
  };

  /// A worker begins to wait. One at a time.
  void come() noexcept {
    here_.store(true);
    visits_.fetch_add(1);
  }

  /// It has something to do. True if the loop's thread sleeps and must be called.
  bool leave() noexcept {
    here_.store(false);
    return asleep_.load();
  }

  /// Whether the loop's thread sleeps until it is called. From any thread.
  bool asleep() const noexcept { return asleep_.load(); }

  // -- for the loop's thread -------------------------------------------------------

  /// What to do now.
  task next() noexcept {
    auto visits = visits_.load();
    if (visits != seen_) {
      seen_ = visits;
      quiet_ = 0;
      return task::look_again;
    }
    if (!here_.load())
      return task::watch;
    if (quiet_ < looks_before_sleep) {
      ++quiet_;
      return task::look_again;
    }
    asleep_.store(true);
    if (here_.load())
      return task::sleep;
    wake();
    return task::look_again;
  }

  /// After a sleep, whoever ended it: look again before anything else.
  void wake() noexcept {
    asleep_.store(false);
    seen_ = visits_.load() - 1;
  }

  /// Whether a worker has come since `next`.
  bool relieved() const noexcept { return visits_.load() != seen_; }

private:
  static constexpr int looks_before_sleep = 16;

  // Sequentially consistent, all of them: of a worker that leaves and a thread that
  // falls asleep, one must see the other.
  std::atomic<bool> here_{false};
  std::atomic<bool> asleep_{false};
  std::atomic<uint64_t> visits_{0};
  // The loop's thread's:
  uint64_t seen_ = 0;
  int quiet_ = 0;
};

} // namespace dbs
