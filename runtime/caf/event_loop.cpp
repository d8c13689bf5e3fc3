#include "dbs/runtime/caf/event_loop.hpp"

#include "dbs/runtime/caf/shared_queue_policy.hpp"

#include <boost/asio/post.hpp>

#include <caf/actor_system.hpp>
#include <caf/intrusive_ptr.hpp>
#include <caf/scheduler/abstract_coordinator.hpp>

#include <pthread.h>

#include <chrono>
#include <future>
#include <string_view>
#include <utility>

namespace dbs {

namespace {

/// Messages an actor may handle before the others on the loop get their turn.
constexpr size_t messages_per_turn = 64;

thread_local event_loop* loop_of_this_thread = nullptr;

/// How often a worker serves what is ready before it runs the callers. While those run
/// servers that have answered have nothing to do.
constexpr int rounds_per_turn = 4;

/// How often the loop's thread looks after the worker that watches its sockets. They
/// wait twice as long at most while that is away.
constexpr std::chrono::milliseconds look_interval{1};

/// CAF's clock takes timers through a queue that is bounded: its own thread would wait
/// for itself if an actor that it runs set one while the queue is full
/// (caf/detail/thread_safe_actor_clock.hpp).
bool is_clock_thread() {
  thread_local const bool result = [] {
    char name[16] = {};
    return pthread_getname_np(pthread_self(), name, sizeof(name)) == 0 &&
           std::string_view{name} == "caf.clock";
  }();
  return result;
}

/// Lets an actor whose loop has ended refuse what is in its mailbox: whoever has
/// woken it is the only one who may read there.
void refuse_mailbox(caf::resumable* what, caf::execution_unit* host) {
  what->resume(host, 0);
  caf::intrusive_ptr_release(what);
}

} // namespace

event_loop::event_loop(caf::actor_system& system, std::string name, drive how)
    : caf::execution_unit(&system),
      io_(how == drive::lent ? loop_context::turns::lent : loop_context::turns::kept),
      guard_(io_.get_executor()), name_(std::move(name)) {
  io_.on_sockets_ready([this] {
    if (!duty_.relieved()) // by a worker, who serves them
      serve_ready_sockets();
  });
  io_.watch_sockets();
  if (how == drive::manual) {
    driver_ = std::this_thread::get_id();
    return;
  }
  if (how == drive::lent)
    workers_ = shared_queue_policy::queue_of(system);
  std::promise<void> started;
  thread_ = std::thread([this, &started] {
    // The kernel keeps 15 characters of a thread's name.
    pthread_setname_np(pthread_self(), name_.substr(0, 15).c_str());
    loop_of_this_thread = this;
    started.set_value();
    run();
  });
  started.get_future().wait();
  if (workers_ != nullptr)
    workers_->lend(*this);
}

event_loop::~event_loop() {
  stop();
}

event_loop* event_loop::of_this_thread() noexcept {
  return loop_of_this_thread;
}

void event_loop::exec_later(caf::resumable* what) {
  if (what->subtype() != caf::resumable::io_actor) {
    if (of_this_thread() != this)
      return system().scheduler().enqueue(what);
    if (woken_.empty() && !wakes_callers_)
      boost::asio::post(io_, [this] { wake_callers(io_.take_turn()); });
    woken_.push_back(what);
    return;
  }
  std::unique_lock guard{mutex_};
  if (stopped()) {
    guard.unlock();
    refuse_mailbox(what, this);
    return;
  }
  ready_.push_back(what);
  if (scheduled_)
    return;
  scheduled_ = true;
  // Within another loop's turn it would make that one wait for this one's work.
  if (of_this_thread() == nullptr && !is_clock_thread()) {
    if (auto mine = io_.borrow_turn()) {
      guard.unlock();
      run_turn(std::move(mine), [this] { run_ready(); });
      return;
    }
  }
  guard.unlock();
  io_.post([this] { run_ready(); });
}

void event_loop::exec_soon(caf::resumable* what) {
  if (of_this_thread() != nullptr || !more_may_come())
    return exec_later(what);
  std::unique_lock guard{mutex_};
  if (stopped()) {
    guard.unlock();
    return refuse_mailbox(what, this);
  }
  gathering_.push_back(what);
  has_gathering_.store(true);
  guard.unlock();
  put_off();
}

size_t event_loop::poll() {
  // An io_context that ran out of work refuses to run until it is restarted.
  io_.restart();
  return io_.poll();
}

void event_loop::stop() {
  if (stopped())
    return;
  if (workers_ != nullptr)
    workers_->take_back(*this);
  guard_.reset();
  if (thread_.joinable()) {
    boost::asio::post(io_, [this] { io_.stop(); });
    thread_.join();
  } else {
    poll();
  }
  std::vector<caf::resumable*> left;
  auto mine = io_.take_turn(); // once whoever has borrowed it is done
  {
    std::unique_lock guard{mutex_};
    stopped_.store(true, std::memory_order_release);
    left.swap(ready_);
    left.insert(left.end(), gathering_.begin(), gathering_.end());
    gathering_.clear();
  }
  for (auto* what : left)
    refuse_mailbox(what, this);
  wake_callers(std::move(mine));
}

void event_loop::run() {
  while (!io_.stopped()) {
    switch (duty_.next()) {
    case socket_duty::task::watch:
      thread_watches_.store(true);
      catch_up();
      // For jobs that a worker has brought which does not come back. One that is about to bring
      // some finds that it is not looked after any more.
      if (workers_ != nullptr)
        workers_->help();
      if (io_.watch_sockets()) {
        io_.run_one();
      } else { // for lack of memory, say
        io_.run_for(look_interval);
        serve_ready_sockets();
      }
      thread_watches_.store(false);
      break;
    case socket_duty::task::look_again:
      io_.leave_sockets();
      catch_up();
      io_.run_for(look_interval);
      break;
    case socket_duty::task::sleep:
      catch_up();
      io_.run_one();
      duty_.wake();
      break;
    }
  }
}

void event_loop::serve_ready_sockets() {
  auto mine = io_.take_turn();
  auto ready = io_.sockets().poll();
  run_turn(std::move(mine), [this, &ready] { io_.sockets().serve(ready); });
}

template <class F>
void event_loop::run_turn(loop_context::turn mine, F body) noexcept {
  auto* outer = std::exchange(loop_of_this_thread, this);
  wakes_callers_ = true;
  io_.run_in_turn(body);
  run_put_off_unless_more_comes();
  wakes_callers_ = false;
  loop_of_this_thread = outer;
  wake_callers(std::move(mine));
}

void event_loop::put_off() {
  // Else the thread looks soon.
  if (thread_watches_.load() || duty_.asleep())
    boost::asio::post(io_, [] {});
}

void event_loop::run_put_off() {
  {
    std::unique_lock guard{mutex_};
    gathered_.swap(gathering_);
    has_gathering_.store(false);
  }
  resume_all(gathered_);
  io_.run_deferred();
}

void event_loop::run_put_off_unless_more_comes() {
  if (!has_put_off())
    return;
  if (more_may_come() || (workers_ != nullptr && !woken_.empty()))
    put_off();
  else
    run_put_off();
}

void event_loop::catch_up() noexcept {
  if (has_put_off())
    run_turn(io_.take_turn(), [this] { run_put_off(); });
}

void event_loop::await() noexcept {
  duty_.come();
  ready_sockets_ = io_.sockets().wait();
  // Before the loop's thread may watch: it would find it again and again.
  if (ready_sockets_.interrupted())
    io_.sockets().clear_interrupt();
  thread_sleeps_ = duty_.leave();
}

void event_loop::serve(bool interrupted) noexcept {
  if (interrupted && !ready_sockets_.interrupted()) // it came after the sockets
    io_.sockets().clear_interrupt();
  if (!ready_sockets_.events().empty())
    run_turn(io_.take_turn(), [this] {
      auto round = 0;
      do {
        io_.sockets().serve(ready_sockets_);
        ready_sockets_ = io_.sockets().poll();
      } while (!ready_sockets_.events().empty() && ++round < rounds_per_turn);
    });
  if (thread_sleeps_)
    boost::asio::post(io_, [] {}); // it looks after the sockets from here on
}

void event_loop::interrupt() noexcept {
  io_.sockets().interrupt();
}

void event_loop::wake_callers(loop_context::turn mine) {
  // It keeps its capacity, and takes turns with the loops' own.
  thread_local std::vector<caf::resumable*> woken;
  woken.swap(woken_);
  auto& scheduler = system().scheduler();
  // Nobody who is woken finds the turn taken, and from here on the loop may end.
  mine = {};
  for (auto* what : woken)
    scheduler.enqueue(what);
  woken.clear();
}

void event_loop::run_ready() {
  {
    std::unique_lock guard{mutex_};
    running_.swap(ready_);
    scheduled_ = false;
  }
  resume_all(running_);
}

void event_loop::resume_all(std::vector<caf::resumable*>& actors) {
  for (auto* what : actors) {
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
  actors.clear();
}

} // namespace dbs
