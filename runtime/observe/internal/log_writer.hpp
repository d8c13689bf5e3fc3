// Writes the finished lines of a log on a thread of its own, so that a slow disk or
// a stalled terminal holds up nobody who logs.
#pragma once

#include <spdlog/common.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>

namespace dbs::observe::internal {

/// How many lines have met which fate so far.
struct written_lines {
  uint64_t written = 0;
  /// Did not fit into the queue.
  uint64_t dropped = 0;
  /// The sink refused them.
  uint64_t failed = 0;
};

/// All functions may be called from any thread.
class log_writer {
public:
  /// The line that says how many lines were lost since the last such line. It is
  /// written in their place, as soon as the sink takes something again.
  using loss_report = std::function<std::string(uint64_t dropped, uint64_t failed)>;

  /// @param patience how long the destructor waits for the sink.
  log_writer(spdlog::sink_ptr sink, size_t max_queued, std::chrono::milliseconds patience,
             loss_report report);

  /// Writes what is queued. A sink that is stuck is left to its thread, which ends
  /// when it gets free.
  ~log_writer();

  log_writer(const log_writer&) = delete;
  log_writer& operator=(const log_writer&) = delete;

  /// Takes a line without its line end, or drops it. Never waits for the sink.
  void push(std::string line);

  /// Waits until the lines that were pushed so far are written. False if that
  /// takes longer than `within`.
  bool wait_written(std::chrono::milliseconds within) const;

  written_lines count() const;

private:
  struct state;

  /// Shared with the thread, which outlives this object if the sink is stuck.
  std::shared_ptr<state> state_;
  std::chrono::milliseconds patience_;
  std::thread thread_;
};

} // namespace dbs::observe::internal
