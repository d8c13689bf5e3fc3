#include "dbs/testing/servers/process_tree.hpp"

#include "dbs/testing/eventually.hpp"

#include <dirent.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <map>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace dbs::testing {

namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr auto patience = 10s;

struct process_info {
  char state = 'X';
  pid_t parent = 0;
};

std::optional<process_info> inspect_process(pid_t pid) {
  std::ifstream in{"/proc/" + std::to_string(pid) + "/stat"};
  std::string line;
  if (!std::getline(in, line))
    return std::nullopt;
  // proc(5): the second field is the name in parentheses, which may hold anything.
  auto name_end = line.rfind(')');
  if (name_end == std::string::npos)
    return std::nullopt;
  std::istringstream rest{line.substr(name_end + 1)};
  process_info result;
  rest >> result.state >> result.parent;
  return result;
}

std::vector<pid_t> all_processes() {
  std::vector<pid_t> result;
  auto* dir = opendir("/proc");
  if (dir == nullptr)
    return result;
  while (auto* entry = readdir(dir)) {
    std::string_view name{entry->d_name};
    pid_t pid = 0;
    auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (error == std::errc{} && end == name.data() + name.size())
      result.push_back(pid);
  }
  closedir(dir);
  return result;
}

/// Refers to one process even if its number is reused (pidfd_open(2)).
class process_reference {
public:
  explicit process_reference(pid_t pid) : fd_(static_cast<int>(syscall(SYS_pidfd_open, pid, 0))) {}

  process_reference(process_reference&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

  process_reference& operator=(process_reference&&) = delete;

  ~process_reference() {
    if (fd_ >= 0)
      close(fd_);
  }

  void signal(int number) const {
    if (fd_ >= 0)
      syscall(SYS_pidfd_send_signal, fd_, number, nullptr, 0);
  }

  /// True when the process has ended, at the latest at `deadline`.
  bool wait(std::chrono::steady_clock::time_point deadline) const {
    if (fd_ < 0)
      return true;
    auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    pollfd entry{fd_, POLLIN, 0};
    return poll(&entry, 1, static_cast<int>(std::max<std::int64_t>(left.count(), 0))) == 1;
  }

private:
  int fd_;
};

/// False when one of them has not ended in time.
bool kill_and_wait(const std::vector<process_reference>& processes) {
  for (const auto& process : processes)
    process.signal(SIGKILL);
  auto deadline = std::chrono::steady_clock::now() + patience;
  return std::all_of(processes.begin(), processes.end(),
                     [deadline](const auto& process) { return process.wait(deadline); });
}

void stop_one(pid_t pid) {
  ::kill(pid, SIGSTOP);
  if (!eventually([pid] { return is_stopped(pid); }, patience))
    throw std::runtime_error("process " + std::to_string(pid) + " does not stop on SIGSTOP");
}

} // namespace

bool is_alive(pid_t pid) {
  auto info = inspect_process(pid);
  return info && info->state != 'Z' && info->state != 'X';
}

bool is_stopped(pid_t pid) {
  auto info = inspect_process(pid);
  return !info || info->state == 'T' || info->state == 't' || info->state == 'Z' ||
         info->state == 'X';
}

std::vector<pid_t> descendants(pid_t root) {
  std::multimap<pid_t, pid_t> children;
  for (auto pid : all_processes())
    if (auto info = inspect_process(pid))
      children.emplace(info->parent, pid);
  std::vector<pid_t> result;
  std::vector<pid_t> open{root};
  while (!open.empty()) {
    auto [first, last] = children.equal_range(open.back());
    open.pop_back();
    for (auto i = first; i != last; ++i) {
      result.push_back(i->second);
      open.push_back(i->second);
    }
  }
  return result;
}

void stop_tree(pid_t root) {
  // A stopped process starts no others and reaps none: once the root has stopped,
  // the numbers of its children cannot be reused.
  stop_one(root);
  for (bool more = true; more;) {
    more = false;
    for (auto pid : descendants(root)) {
      if (!is_stopped(pid)) {
        stop_one(pid);
        more = true;
      }
    }
  }
}

void continue_tree(pid_t root) {
  for (auto pid : descendants(root))
    ::kill(pid, SIGCONT);
  ::kill(root, SIGCONT);
}

void kill_tree(pid_t root) {
  stop_tree(root);
  std::vector<process_reference> family;
  for (auto pid : descendants(root))
    family.emplace_back(pid);
  ::kill(root, SIGKILL);
  if (!kill_and_wait(family))
    throw std::runtime_error("a killed server process does not end: is its disk stuck?");
}

void kill_processes_in(const fs::path& path) {
  std::vector<process_reference> found;
  for (auto pid : all_processes()) {
    if (pid == getpid())
      continue;
    process_reference process{pid};
    std::error_code error;
    auto cwd = fs::read_symlink("/proc/" + std::to_string(pid) + "/cwd", error);
    if (!error && (cwd == path || cwd.native().starts_with(path.native() + "/")))
      found.push_back(std::move(process));
  }
  kill_and_wait(found);
}

} // namespace dbs::testing
