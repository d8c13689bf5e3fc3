#include "dbs/runtime/observe/internal/log_writer.hpp"

#include "dbs/runtime/io/signals_blocked.hpp"

#include <spdlog/details/log_msg.h>
#include <spdlog/sinks/sink.h>

#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <utility>

#include <pthread.h>

namespace dbs::observe::internal {

struct log_writer::state {
  state(spdlog::sink_ptr where, size_t limit, loss_report how)
      : sink(std::move(where)), max_queued(limit), report(std::move(how)) {
    // Lines come finished; the sink only adds the line end.
    sink->set_pattern("%v");
  }

  struct entry {
    std::string line;
    /// Lines that were dropped between this one and its predecessor.
    uint64_t dropped_before = 0;
  };

  void run();

  /// Writes the loss, if there is one, and then the line, if there is one. False if
  /// the line was refused.
  bool write(const std::string* line, uint64_t dropped);

  bool write(const std::string& line);

  spdlog::sink_ptr sink;
  size_t max_queued;
  loss_report report;
  /// Only the thread touches these.
  uint64_t unreported_dropped = 0;
  uint64_t unreported_failed = 0;

  std::mutex mutex;
  std::condition_variable work_arrived;
  std::condition_variable work_done;
  // What follows is guarded by the mutex.
  std::deque<entry> queue;
  /// Dropped after the last entry of the queue.
  uint64_t dropped_behind = 0;
  uint64_t accepted = 0;
  uint64_t finished = 0;
  written_lines counts;
  bool stopped = false;
  bool ended = false;
};

void log_writer::state::run() {
  std::unique_lock guard{mutex};
  for (;;) {
    work_arrived.wait(guard, [this] { return stopped || !queue.empty() || dropped_behind > 0; });
    if (queue.empty() && dropped_behind == 0)
      break;
    if (queue.empty()) {
      auto dropped = std::exchange(dropped_behind, 0);
      guard.unlock();
      write(nullptr, dropped);
      guard.lock();
      continue;
    }
    auto next = std::move(queue.front());
    queue.pop_front();
    guard.unlock();
    auto succeeded = write(&next.line, next.dropped_before);
    guard.lock();
    ++(succeeded ? counts.written : counts.failed);
    ++finished;
    work_done.notify_all();
  }
  ended = true;
  work_done.notify_all();
}

bool log_writer::state::write(const std::string* line, uint64_t dropped) {
  unreported_dropped += dropped;
  if (unreported_dropped + unreported_failed > 0 &&
      write(report(unreported_dropped, unreported_failed)))
    unreported_dropped = unreported_failed = 0;
  if (line == nullptr || write(*line))
    return true;
  ++unreported_failed;
  return false;
}

bool log_writer::state::write(const std::string& line) {
  try {
    sink->log({"dbs", spdlog::level::info, {line.data(), line.size()}});
    sink->flush();
    return true;
  } catch (const std::exception&) {
    return false;
  }
}

log_writer::log_writer(spdlog::sink_ptr sink, size_t max_queued, std::chrono::milliseconds patience,
                       loss_report report)
    : state_(std::make_shared<state>(std::move(sink), max_queued, std::move(report))),
      patience_(patience) {
  signals_blocked guard;
  thread_ = std::thread{[shared = state_] {
    pthread_setname_np(pthread_self(), "dbs.log");
    shared->run();
  }};
}

log_writer::~log_writer() {
  std::unique_lock guard{state_->mutex};
  state_->stopped = true;
  state_->work_arrived.notify_one();
  auto ended = state_->work_done.wait_for(guard, patience_, [this] { return state_->ended; });
  guard.unlock();
  if (ended)
    thread_.join();
  else
    thread_.detach();
}

void log_writer::push(std::string line) {
  std::lock_guard guard{state_->mutex};
  if (state_->queue.size() >= state_->max_queued) {
    ++state_->counts.dropped;
    ++state_->dropped_behind;
    return;
  }
  state_->queue.push_back({std::move(line), std::exchange(state_->dropped_behind, 0)});
  ++state_->accepted;
  state_->work_arrived.notify_one();
}

bool log_writer::wait_written(std::chrono::milliseconds within) const {
  std::unique_lock guard{state_->mutex};
  return state_->work_done.wait_for(
      guard, within, [this, wanted = state_->accepted] { return state_->finished >= wanted; });
}

written_lines log_writer::count() const {
  std::lock_guard guard{state_->mutex};
  return state_->counts;
}

} // namespace dbs::observe::internal
