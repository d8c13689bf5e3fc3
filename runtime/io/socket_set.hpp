// The sockets of an event loop, in an epoll set of their own.
#pragma once

#include <sys/epoll.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace dbs {

/// Told what a socket is ready for, in the turn of its loop.
class socket_watcher {
public:
  virtual void on_readable() = 0;
  virtual void on_writable() = 0;

protected:
  ~socket_watcher() = default;
};

/// Any thread may wait for the sockets: the loop's own, or one that has nothing better
/// to do (see `event_loop`). What they are ready for is served by whoever has the
/// loop's turn; an event that somebody else has served in between finds nobody who
/// waits for it. A socket that is read again and again costs no call of its own: the
/// kernel is told of a change when there is one.
///
/// Level-triggered, see epoll(7). All functions are for who has the loop's turn,
/// except those that say otherwise.
class socket_set {
public:
  /// Names a socket in the set for as long as it is there; never zero.
  using key = uint64_t;

  /// What one wait has found.
  class readiness {
  public:
    std::span<const epoll_event> events() const noexcept { return {found_.data(), count_}; }

    /// Whether there was an interrupt, too.
    bool interrupted() const noexcept { return interrupted_; }

  private:
    friend socket_set;

    std::array<epoll_event, 64> found_;
    size_t count_ = 0;
    bool interrupted_ = false;
  };

  /// Throws std::system_error if the process has no file descriptors left.
  socket_set();

  ~socket_set();

  socket_set(const socket_set&) = delete;
  socket_set& operator=(const socket_set&) = delete;

  /// Readable while a socket is ready, and after `interrupt`.
  int descriptor() const noexcept { return epoll_; }

  /// Adds `fd`, which `who` waits for nothing of as yet. Zero if the kernel refuses.
  key add(int fd, socket_watcher& who);

  /// To be called before the descriptor is closed.
  void remove(key which) noexcept;

  /// `who.on_readable()` will be called, once; also if the peer has gone.
  void await_readable(key which);

  /// `who.on_writable()` will be called, once; also if the peer has gone.
  void await_writable(key which);

  /// What is ready now. On any thread, like the next three.
  readiness poll() noexcept { return wait_for(0); }

  /// Waits until something is, or `interrupt` is called.
  readiness wait() noexcept { return wait_for(-1); }

  /// From here on `wait` does not wait.
  void interrupt() noexcept;

  /// From here on it does.
  void clear_interrupt() noexcept;

  /// Calls the watchers of what `wait` has found.
  void serve(const readiness& what);

private:
  struct entry {
    socket_watcher* who = nullptr; // null: free
    int fd = -1;
    uint32_t generation = 1;
    /// EPOLLIN, EPOLLOUT: what the watcher waits for, and what the kernel looks for.
    uint32_t awaited = 0;
    uint32_t watched = 0;
  };

  readiness wait_for(int milliseconds) noexcept;
  entry* find(key which) noexcept;
  void await(key which, uint32_t event);
  void watch(entry& what, key which) noexcept;
  void serve(key which, uint32_t events);

  int epoll_;
  int interrupt_;
  std::vector<entry> entries_;
  std::vector<uint32_t> free_;
};

} // namespace dbs
