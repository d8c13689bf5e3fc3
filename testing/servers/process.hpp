// A child process that cannot outlive the test that started it.
#pragma once

#include "dbs/testing/servers/account.hpp"

#include <chrono>
#include <condition_variable>
#include <csignal>
#include <filesystem>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace dbs::testing {

struct process_options {
  /// The program's path; PATH is not searched.
  std::filesystem::path program;
  std::vector<std::string> arguments = {};
  std::filesystem::path working_directory = "/";
  /// Receives what the program writes to standard output and standard error, at
  /// the end of the file. Opened by the parent, with its rights.
  std::filesystem::path output = "/dev/null";
  /// Whom it runs as; whoever we are, if not set.
  std::optional<account> run_as = std::nullopt;
  /// What the kernel sends to the program when its parent dies.
  int death_signal = SIGKILL;
};

/// Runs a program in a session of its own (a Ctrl-C at the terminal does not reach
/// it), with no file descriptors but its standard ones, and reaps it.
///
/// A thread of ours starts the program, waits for it and ends with it: the kernel
/// delivers the death signal (PR_SET_PDEATHSIG) when the *thread* dies that started
/// a child, so that no other thread would do. All functions may be called from any
/// thread.
class process {
public:
  /// Throws `std::runtime_error`, naming the program, when it cannot be executed.
  explicit process(process_options options);

  /// Kills the program and its descendants and waits for them.
  ~process();

  process(const process&) = delete;
  process& operator=(const process&) = delete;

  pid_t pid() const noexcept { return pid_; }

  bool running() const;

  /// The wait status (see waitpid(2)), when the program has ended within `timeout`.
  std::optional<int> wait_for(std::chrono::milliseconds timeout) const;

  /// Sends a signal to the program alone, if it runs.
  void signal(int number) const;

  /// Stops, continues or kills the program with all its descendants. Returns when
  /// they have stopped or ended; nothing happens when the program has ended.
  void stop_all() const;
  void continue_all() const;
  void kill_all() const;

private:
  void reap(pid_t pid);

  pid_t pid_ = 0;
  mutable std::mutex mutex_;
  mutable std::condition_variable ended_;
  /// Set under the mutex together with the reaping: while it is not set, `pid_`
  /// is ours and a signal hits nobody else.
  std::optional<int> status_;
  std::thread thread_;
};

/// Runs a program to its end and returns what it wrote. Throws `std::runtime_error`
/// with the end of its output when it fails or takes longer than `timeout`; `output`
/// of the options must name a file.
std::string run_program(process_options options, std::chrono::milliseconds timeout);

/// The whole file, or nothing when it cannot be read.
std::string read_file(const std::filesystem::path& path);

/// The last lines of a text, at most `lines`.
std::string tail(const std::string& text, size_t lines = 15);

/// The program of that name in one of the directories of PATH, or an empty path.
std::filesystem::path find_in_path(const std::string& name);

} // namespace dbs::testing
