#include "dbs/testing/servers/temporary_directory.hpp"

#include "dbs/testing/servers/process_tree.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

namespace dbs::testing {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view prefix = "dbs-testing-";

/// A Unix socket's path has room for 107 bytes, and our names below the root take
/// up to 65 of them.
constexpr size_t longest_root = 42;

/// A file system in memory, on every Linux.
constexpr const char* memory = "/dev/shm";

bool everybody_can_pass(const fs::path& path) {
  for (fs::path part = path;; part = part.parent_path()) {
    struct stat info {};
    if (stat(part.c_str(), &info) != 0 || (info.st_mode & S_IXOTH) == 0)
      return false;
    if (part == part.root_path())
      return true;
  }
}

bool is_roomy(const fs::path& path) {
  std::error_code error;
  auto space = fs::space(path, error);
  return !error && space.available >= (uintmax_t{1} << 30);
}

bool is_usable(const fs::path& root, bool shared) {
  return root.is_absolute() && root.native().size() <= longest_root &&
         access(root.c_str(), W_OK | X_OK) == 0 && (!shared || everybody_can_pass(root));
}

/// Where our directories may be, the preferred place first.
std::vector<fs::path> find_roots(temporary_directory_options options) {
  std::vector<fs::path> result;
  const char* chosen = std::getenv("TMPDIR");
  bool has_choice = chosen != nullptr && is_usable(chosen, options.shared);
  if (has_choice)
    result.emplace_back(chosen);
  if (!has_choice && options.in_memory && is_usable(memory, options.shared) && is_roomy(memory))
    result.emplace_back(memory);
  result.emplace_back("/tmp");
  return result;
}

int open_and_lock(const fs::path& path) {
  int fd = open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) != 0) {
    close(fd);
    return -1;
  }
  return fd;
}

void remove_everything(const fs::path& path) {
  // A server that is being killed may still write: what it adds while we remove
  // makes a pass fail, and the next one finds it.
  std::error_code error;
  for (int pass = 0; pass < 5; ++pass) {
    fs::remove_all(path, error);
    if (!error)
      return;
  }
}

void remove_leftovers(const fs::path& root) {
  std::error_code error;
  for (fs::directory_iterator i{root, error}, end; !error && i != end; i.increment(error)) {
    const auto& path = i->path();
    struct stat info {};
    if (!path.filename().native().starts_with(prefix) || lstat(path.c_str(), &info) != 0 ||
        !S_ISDIR(info.st_mode) || info.st_uid != geteuid())
      continue;
    int lock = open_and_lock(path);
    if (lock < 0)
      continue;
    kill_processes_in(path);
    remove_everything(path);
    close(lock);
  }
}

} // namespace

temporary_directory::temporary_directory(std::string_view label,
                                         temporary_directory_options options) {
  auto roots = find_roots(options);
  for (const auto& each : roots)
    remove_leftovers(each);
  const auto& root = roots.front();
  auto fail = [&root] {
    throw std::runtime_error("cannot make a directory in " + root.string() + ": " +
                             std::generic_category().message(errno) +
                             ". Point TMPDIR at a directory with room");
  };
  // Locked under a name that nobody looks for, then renamed: another process must
  // not take it for a leftover in between.
  std::string made = (root / ".dbs-testing-XXXXXX").string();
  if (mkdtemp(made.data()) == nullptr)
    fail();
  auto random = made.substr(made.size() - 6);
  path_ = root / (std::string{prefix} + std::string{label} + "-" + std::to_string(getpid()) + "-" +
                  random);
  lock_ = open_and_lock(made);
  if (lock_ < 0 || (options.shared && fchmod(lock_, 0711) != 0) ||
      std::rename(made.c_str(), path_.c_str()) != 0) {
    int saved = errno;
    rmdir(made.c_str());
    if (lock_ >= 0)
      close(lock_);
    errno = saved;
    fail();
  }
}

temporary_directory::~temporary_directory() {
  remove_everything(path_);
  close(lock_);
}

} // namespace dbs::testing
