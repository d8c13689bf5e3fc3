#include "dbs/runtime/io/socket_set.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

namespace dbs {

namespace {

/// No socket has this key, since no generation is zero.
constexpr socket_set::key interrupt_key = 0;

/// What the kernel reports without being asked to.
constexpr uint32_t gone = EPOLLHUP | EPOLLERR;

epoll_event interest(uint32_t events, socket_set::key which) {
  epoll_event result{};
  // Whoever waits for nothing is told once that the peer has gone, not again and again.
  result.events = events != 0 ? events : static_cast<uint32_t>(EPOLLET);
  result.data.u64 = which;
  return result;
}

} // namespace

socket_set::socket_set() : epoll_(epoll_create1(EPOLL_CLOEXEC)) {
  interrupt_ = epoll_ < 0 ? -1 : eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  auto event = interest(EPOLLIN, interrupt_key);
  if (interrupt_ < 0 || epoll_ctl(epoll_, EPOLL_CTL_ADD, interrupt_, &event) != 0) {
    auto reason = errno;
    if (interrupt_ >= 0)
      ::close(interrupt_);
    if (epoll_ >= 0)
      ::close(epoll_);
    throw std::system_error{reason, std::generic_category(), "an event loop's set of sockets"};
  }
}

socket_set::~socket_set() {
  ::close(interrupt_);
  ::close(epoll_);
}

socket_set::key socket_set::add(int fd, socket_watcher& who) {
  if (free_.empty()) {
    // So that `remove` allocates nothing.
    free_.reserve(entries_.size() + 1);
    entries_.emplace_back();
    free_.push_back(static_cast<uint32_t>(entries_.size() - 1));
  }
  auto at = free_.back();
  auto& fresh = entries_[at];
  auto which = key{fresh.generation} << 32 | at;
  auto event = interest(0, which);
  if (epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0)
    return 0;
  free_.pop_back();
  fresh.who = &who;
  fresh.fd = fd;
  return which;
}

void socket_set::remove(key which) noexcept {
  auto* it = find(which);
  if (it == nullptr)
    return;
  epoll_ctl(epoll_, EPOLL_CTL_DEL, it->fd, nullptr);
  auto next = it->generation + 1;
  *it = entry{};
  it->generation = std::max(next, 1u);
  free_.push_back(static_cast<uint32_t>(which));
}

void socket_set::await_readable(key which) {
  await(which, EPOLLIN);
}

void socket_set::await_writable(key which) {
  await(which, EPOLLOUT);
}

void socket_set::interrupt() noexcept {
  uint64_t once = 1;
  while (write(interrupt_, &once, sizeof(once)) < 0 && errno == EINTR) {
    // again
  }
}

void socket_set::clear_interrupt() noexcept {
  uint64_t ignored;
  while (read(interrupt_, &ignored, sizeof(ignored)) < 0 && errno == EINTR) {
    // again
  }
}

void socket_set::serve(const readiness& what) {
  for (auto& event : what.events())
    serve(event.data.u64, event.events);
}

socket_set::readiness socket_set::wait_for(int milliseconds) noexcept {
  readiness result;
  auto& found = result.found_;
  auto count = epoll_wait(epoll_, found.data(), static_cast<int>(found.size()), milliseconds);
  auto end = found.begin() + std::max(count, 0); // a signal may have come
  auto sockets_end = std::remove_if(
      found.begin(), end, [](const epoll_event& x) { return x.data.u64 == interrupt_key; });
  result.count_ = static_cast<size_t>(sockets_end - found.begin());
  result.interrupted_ = sockets_end != end;
  return result;
}

socket_set::entry* socket_set::find(key which) noexcept {
  auto at = static_cast<uint32_t>(which);
  if (at >= entries_.size() || entries_[at].who == nullptr ||
      entries_[at].generation != which >> 32)
    return nullptr;
  return &entries_[at];
}

void socket_set::await(key which, uint32_t event) {
  auto* it = find(which);
  if (it == nullptr)
    return;
  it->awaited |= event;
  if ((it->watched & event) == 0)
    watch(*it, which);
}

void socket_set::watch(entry& what, key which) noexcept {
  what.watched = what.awaited;
  auto event = interest(what.watched, which);
  epoll_ctl(epoll_, EPOLL_CTL_MOD, what.fd, &event); // which allocates nothing
}

void socket_set::serve(key which, uint32_t events) {
  // Each call may close this socket, or any other.
  auto take = [this, which, events](uint32_t event) -> socket_watcher* {
    auto* it = find(which);
    if (it == nullptr || (events & (event | gone)) == 0 || (it->awaited & event) == 0)
      return nullptr;
    it->awaited &= ~event;
    return it->who;
  };
  if (auto* who = take(EPOLLIN))
    who->on_readable();
  if (auto* who = take(EPOLLOUT))
    who->on_writable();
  if (auto* it = find(which); it != nullptr && it->watched != it->awaited)
    watch(*it, which);
}

} // namespace dbs
