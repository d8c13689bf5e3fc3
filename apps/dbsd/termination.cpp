#include "termination.hpp"

#include <cerrno>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <system_error>

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

namespace dbs {

termination::termination() {
  sigemptyset(&signals_);
  sigaddset(&signals_, SIGINT);
  sigaddset(&signals_, SIGTERM);
  // A blocked signal comes even if it is ignored, and who used nohup means it.
  struct sigaction hangup {};
  ::sigaction(SIGHUP, nullptr, &hangup);
  if (hangup.sa_handler != SIG_IGN)
    sigaddset(&signals_, SIGHUP);
  pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
  signal_fd_ = ::signalfd(-1, &signals_, SFD_CLOEXEC);
  end_fd_ = ::eventfd(0, EFD_CLOEXEC);
  if (signal_fd_ < 0 || end_fd_ < 0)
    throw std::system_error(errno, std::generic_category(), "cannot wait for signals");
  thread_ = std::thread{[this] { run(); }};
}

termination::~termination() {
  uint64_t one = 1;
  [[maybe_unused]] auto written = ::write(end_fd_, &one, sizeof(one));
  thread_.join();
  ::close(signal_fd_);
  ::close(end_fd_);
}

void termination::wait() const {
  std::mutex mutex;
  std::condition_variable_any never;
  std::unique_lock guard{mutex};
  never.wait(guard, source_.get_token(), [] { return false; });
}

void termination::run() {
  pollfd sources[] = {{signal_fd_, POLLIN, 0}, {end_fd_, POLLIN, 0}};
  while (::poll(sources, 2, -1) < 0 && errno == EINTR) {
  }
  signalfd_siginfo info{};
  if (sources[0].revents == 0 || ::read(signal_fd_, &info, sizeof(info)) != sizeof(info))
    return;
  signal_ = static_cast<int>(info.ssi_signo);
  // From here on this thread takes signals as if nobody had asked for them; shells
  // start what runs in the background with SIGINT ignored.
  std::signal(SIGINT, SIG_DFL);
  pthread_sigmask(SIG_UNBLOCK, &signals_, nullptr);
  source_.request_stop();
}

} // namespace dbs
