// A directory for the files of one server or test, removed with everything in it -
// if not by its owner, then by the next one that is made.
#pragma once

#include <filesystem>
#include <string_view>

namespace dbs::testing {

struct temporary_directory_options {
  /// Lets other accounts pass through the directory (mode 0711), so that a server
  /// which runs under one of them reaches what it owns inside.
  bool shared = false;
  /// Prefers /dev/shm when it has a gigabyte free and $TMPDIR is not set. A file system
  /// such as ext4 takes long to remove and make a thousand files again and again.
  bool in_memory = false;
};

/// Owns `<root>/dbs-testing-<label>-<pid>-<random>`, where root is $TMPDIR or /tmp.
///
/// The name tells people which process made it. What tells us whether that process
/// lives is a lock on the directory, which the kernel drops when the process ends
/// however it ends (a pid can be reused, and means nothing in another container).
/// Making a directory first removes those of dead owners, with any process that
/// was left running in them.
///
/// $TMPDIR is passed over for /tmp when a Unix socket's path would not fit below it,
/// or when another account could not reach it and `shared` asks for that.
class temporary_directory {
public:
  /// @param label a short word for the name, such as "postgres".
  /// Throws `std::runtime_error` when there is no place for it.
  explicit temporary_directory(std::string_view label, temporary_directory_options options = {});

  ~temporary_directory();

  temporary_directory(const temporary_directory&) = delete;
  temporary_directory& operator=(const temporary_directory&) = delete;

  const std::filesystem::path& path() const noexcept { return path_; }

private:
  std::filesystem::path path_;
  int lock_ = -1;
};

} // namespace dbs::testing
