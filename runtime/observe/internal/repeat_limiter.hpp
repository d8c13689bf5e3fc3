// Notices messages that repeat, and decides which of them are written.
#pragma once

#include "dbs/runtime/observe/log.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace dbs::observe::internal {

/// Lets every message through `max_repeats` times per window, counted from its
/// first appearance. Remembers a bounded number of messages; the one that started
/// longest ago is forgotten for a new one. Not thread-safe.
class repeat_limiter {
public:
  using time_point = logger_options::time_point;

  /// What a window held back; due to be reported.
  struct report {
    std::string component;
    log_level level = log_level::info;
    std::string message;
    uint64_t suppressed = 0;
  };

  repeat_limiter(uint32_t max_repeats, std::chrono::seconds window, size_t max_remembered);

  /// False if this message must not be written. What has become due is appended to
  /// `due` in either case.
  bool admit(time_point now, std::string_view component, log_level level, std::string_view message,
             std::vector<report>& due);

  /// Ends all windows.
  void flush(std::vector<report>& due);

private:
  struct entry {
    report what;
    time_point begin;
    uint32_t admitted = 0;
  };

  using entry_map = std::unordered_map<std::string, entry>;

  /// Forgets the windows that are over.
  void sweep(time_point now, std::vector<report>& due);
  entry_map::iterator forget(entry_map::iterator i, std::vector<report>& due);
  bool over(const entry& x, time_point now) const;

  uint32_t max_repeats_;
  std::chrono::seconds window_;
  size_t max_remembered_;
  entry_map entries_;
  std::optional<time_point> next_sweep_;
};

} // namespace dbs::observe::internal
