// For threads that are made in somebody else's process.
#pragma once

#include <csignal>

namespace dbs {

/// Blocks all signals on this thread while it exists; a thread that is made
/// meanwhile keeps them blocked for ever. Signals belong to the host's threads.
/// That includes SIGPIPE: libpq's cancel request and a log on standard error write
/// without suppressing it.
class signals_blocked {
public:
  signals_blocked() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }

  ~signals_blocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

  signals_blocked(const signals_blocked&) = delete;
  signals_blocked& operator=(const signals_blocked&) = delete;

private:
  sigset_t before_;
};

} // namespace dbs
