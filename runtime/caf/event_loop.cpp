#include "dbs/runtime/caf/event_loop.hpp"

#include <boost/asio/post.hpp>

#include <caf/actor_system.hpp>
#include <caf/intrusive_ptr.hpp>
#include <caf/scheduler/abstract_coordinator.hpp>

#include <pthread.h>

#include <future>

namespace dbs {

namespace {

/// Messages an actor may handle before the others on the loop get their turn.
constexpr size_t messages_per_turn = 64;

} // namespace

event_loop::event_loop(caf::actor_system& system, std::string name, drive how)
    : caf::execution_unit(&system), guard_(io_.get_executor()), name_(std::move(name)) {
  if (how == drive::manual) {
    thread_id_ = std::this_thread::get_id();
    return;
  }
  std::promise<void> started;
  thread_ = std::thread([this, &started] {
    // The kernel keeps 15 characters of a thread's name.
    pthread_setname_np(pthread_self(), name_.substr(0, 15).c_str());
    thread_id_ = std::this_thread::get_id();
    started.set_value();
    io_.run();
  });
  started.get_future().wait();
}

event_loop::~event_loop() {
  stop();
}

void event_loop::exec_later(caf::resumable* what) {
  if (what->subtype() != caf::resumable::io_actor) {
    system().scheduler().enqueue(what);
    return;
  }
  std::unique_lock guard{mutex_};
  if (stopped_) {
    guard.unlock();
    caf::intrusive_ptr_release(what);
    return;
  }
  ready_.push_back(what);
  if (scheduled_)
    return;
  scheduled_ = true;
  guard.unlock();
  boost::asio::post(io_, [this] { run_ready(); });
}

size_t event_loop::poll() {
  // An io_context that ran out of work refuses to run until it is restarted.
  io_.restart();
  return io_.poll();
}

void event_loop::stop() {
  {
    std::unique_lock guard{mutex_};
    if (stopped_)
      return;
    stopped_ = true;
  }
  guard_.reset();
  if (thread_.joinable()) {
    boost::asio::post(io_, [this] { io_.stop(); });
    thread_.join();
  } else {
    poll();
  }
  for (auto* what : ready_)
    caf::intrusive_ptr_release(what);
  ready_.clear();
}

void event_loop::run_ready() {
  {
    std::unique_lock guard{mutex_};
    running_.swap(ready_);
    scheduled_ = false;
  }
  for (auto* what : running_) {
    switch (what->resume(this, messages_per_turn)) {
    case caf::resumable::resume_later:
      exec_later(what);
      break;
    case caf::resumable::done:
    case caf::resumable::awaiting_message:
      caf::intrusive_ptr_release(what);
      break;
    case caf::resumable::shutdown_execution_unit:
      break;
    }
  }
  running_.clear();
}

} // namespace dbs
