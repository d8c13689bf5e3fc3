// What the private servers have in common: a directory, a port and a process that
// can be killed, frozen and started again.
#pragma once

#include "dbs/testing/servers/account.hpp"
#include "dbs/testing/servers/certificates.hpp"
#include "dbs/testing/servers/free_port.hpp"
#include "dbs/testing/servers/process.hpp"
#include "dbs/testing/servers/temporary_directory.hpp"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace dbs::testing {

/// How clients may reach a private server.
enum class tls_mode : uint8_t {
  /// Plain connections only.
  off,
  /// Both kinds.
  offered,
  /// Encrypted connections only.
  required,
};

/// The part of `private_postgres` and `private_redis` that is the same.
///
/// Control functions are for one thread at a time; what is const may be called from
/// any while the server is not being started. All throw `std::runtime_error` with a
/// sentence that says what happened and the end of the server's log.
class private_server {
public:
  static constexpr std::chrono::milliseconds default_patience = std::chrono::seconds{30};

  private_server(const private_server&) = delete;
  private_server& operator=(const private_server&) = delete;

  /// Always 127.0.0.1: the certificates of a server with TLS name it.
  std::string host() const { return "127.0.0.1"; }

  /// The port stays the same, and ours, until the object is destroyed.
  uint16_t port() const noexcept { return port_.number(); }

  /// The server's main process; the last one after a kill or stop.
  pid_t pid() const;

  bool running() const;

  /// Kills every process of the server with SIGKILL, as a power cut does, and
  /// returns when they are gone. `start` of the derived class revives it.
  void kill();

  /// Freezes every process of the server with SIGSTOP: connections are accepted by
  /// the kernel, and nothing answers.
  void pause();

  /// Lets a paused server go on.
  void resume();

  /// Everything the server has logged.
  std::string log_text() const { return read_file(log_path()); }

  /// Holds all the server's files.
  const std::filesystem::path& directory() const noexcept { return directory_.path(); }

  /// Throws `std::logic_error` when the server was made without TLS.
  const certificate_files& certificates() const;

protected:
  /// @param label names the directory, @param accounts whom it may run as,
  /// @param in_memory where the directory should be.
  private_server(std::string_view label, std::initializer_list<const char*> accounts, bool tls,
                 bool in_memory);

  /// Does not stop the server's processes gently: there is nothing to keep.
  ~private_server() = default;

  /// Starts the program with standard output going to the log.
  void launch(process_options options);

  /// Asks `ready` until it returns true. Throws when the process ends before that
  /// or `within` has passed.
  void await_ready(const std::string& what, std::chrono::milliseconds within,
                   const std::function<bool()>& ready) const;

  /// Sends a signal and waits until the process has ended.
  void end_with(int signal, std::chrono::milliseconds within);

  [[noreturn]] void fail(const std::string& what) const;

  const std::optional<account>& run_as() const noexcept { return run_as_; }
  std::filesystem::path data_path() const { return directory() / "data"; }
  std::filesystem::path run_path() const { return directory() / "run"; }
  std::filesystem::path log_path() const { return directory() / "log"; }

  /// Gives a file or directory to the server's account and sets its mode.
  void hand_over(const std::filesystem::path& path, std::filesystem::perms mode) const;

private:
  std::optional<account> run_as_;
  temporary_directory directory_;
  free_port port_;
  std::optional<certificate_files> certificates_;
  bool paused_ = false;
  /// Declared last: gone before its directory is removed.
  std::unique_ptr<process> process_;
};

} // namespace dbs::testing
