// Ctrl-C and its like, as a request to stop.
#pragma once

#include <atomic>
#include <csignal>
#include <stop_token>
#include <thread>

namespace dbs {

/// Takes SIGINT, SIGTERM and SIGHUP on a thread of its own and makes a stop request
/// of the first one, at any time from its construction on; not SIGHUP under nohup. A
/// second signal then has its default effect and ends the process at once.
///
/// To be made before any other thread: threads inherit the mask that keeps the
/// signals from them.
class termination {
public:
  termination();
  ~termination();

  termination(const termination&) = delete;
  termination& operator=(const termination&) = delete;

  /// Callbacks of this token run on the thread that takes the signals.
  std::stop_token token() const { return source_.get_token(); }

  bool requested() const { return source_.stop_requested(); }

  /// Returns when a signal has come.
  void wait() const;

  /// The signal that has come; 0 before.
  int signal() const { return signal_.load(); }

private:
  void run();

  sigset_t signals_;
  int signal_fd_ = -1;
  /// Tells the thread that no signal is waited for any more.
  int end_fd_ = -1;
  std::atomic<int> signal_{0};
  std::stop_source source_;
  std::thread thread_;
};

} // namespace dbs
