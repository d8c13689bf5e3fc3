// The log of one services instance.
//
// A logger is handed to whoever logs, by reference; no global logger is used or
// touched. A line says when, how bad, which component, what, and the numbers:
//
//   log.log("postgres_pool", log_level::warning, "connection lost",
//           {{"endpoint", "127.0.0.1:5432"}, {"connections", int64_t{3}}});
//
//   2026-01-31T12:00:00.000Z warning postgres_pool connection lost
//     endpoint=127.0.0.1:5432 connections=3                    (one line)
//
// Keep the message constant and put what varies into fields: repeated messages
// are recognised by component, level and message.
#pragma once

#include "dbs/config/settings.hpp"
#include "dbs/messages/field.hpp"

#include <caf/expected.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace dbs::observe {

enum class log_level : uint8_t { trace, debug, info, warning, error, off };

std::string_view to_string(log_level level);

bool from_string(std::string_view in, log_level& out);

/// What is not in the settings of users.
struct logger_options {
  using time_point = std::chrono::system_clock::time_point;

  /// The wall clock of the timestamps. Called from any thread.
  std::function<time_point()> now = [] { return std::chrono::system_clock::now(); };
  /// If set, gets every line, with its line end, instead of standard error or the
  /// file. Called on the logger's thread.
  std::function<void(std::string_view)> sink;
  /// How often the same message may be logged per window; what comes beyond is
  /// counted, and the count is logged when the window is over.
  uint32_t max_repeats = 20;
  std::chrono::seconds repeat_window{10};
  /// How many different messages are remembered for that.
  size_t max_remembered = 256;
  /// How many lines wait for a slow disk or terminal; what comes beyond is dropped
  /// and counted, and the count is logged in its place.
  size_t max_queued = 4096;
  /// How long a flush, and the end of the logger, waits for these lines.
  std::chrono::milliseconds flush_limit = std::chrono::seconds{2};
};

struct log_stats {
  uint64_t written = 0;
  /// Held back as repetitions.
  uint64_t suppressed = 0;
  /// Lines for which there was no room behind a slow disk or terminal.
  uint64_t dropped = 0;
  /// Lines that could not be written, because the disk is full, say.
  uint64_t failed = 0;
};

/// All functions may be called from any thread. Lines are written, in the order of
/// the calls, by a thread of the logger: `log` never waits for the disk.
///
/// Secrets do not get out: values of fields with a telling name (see config/secret_name.hpp) are
/// shown as ***, and credentials in URLs are masked everywhere. Control characters
/// are escaped, so that no value can end a line or command a terminal.
class logger {
public:
  /// Longer lines are cut, and say so.
  static constexpr size_t max_line_bytes = 8192;

  /// `config_invalid` names the setting that is wrong or the file that cannot be
  /// written; `overloaded` if the system has no thread left.
  static caf::expected<std::unique_ptr<logger>> make(const log_settings& settings,
                                                     const logger_options& options = {});

  ~logger();

  logger(const logger&) = delete;
  logger& operator=(const logger&) = delete;

  bool enabled(log_level level) const noexcept;

  log_level level() const noexcept;

  /// Takes effect for the calls that follow.
  void set_level(log_level level) noexcept;

  void log(std::string_view component, log_level level, std::string_view message,
           const std::vector<field>& fields = {});

  /// Waits until what was logged so far is handed to the system. False if the disk
  /// or terminal takes too long.
  bool wait_written() const;

  /// Logs how many lines were suppressed so far, and waits as `wait_written` does.
  /// The destructor does it as well.
  void flush();

  log_stats stats() const;

private:
  struct impl;
  explicit logger(std::unique_ptr<impl> ptr);
  std::unique_ptr<impl> impl_;
};

} // namespace dbs::observe
