#include "dbs/testing/servers/process.hpp"

#include "dbs/testing/servers/process_tree.hpp"

#include <fcntl.h>
#include <grp.h>
#include <linux/close_range.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <future>
#include <sstream>
#include <stdexcept>
#include <system_error>
#include <utility>

namespace dbs::testing {

namespace {

namespace fs = std::filesystem;

/// What the child needs, prepared before the fork: between fork and exec it may
/// call async-signal-safe functions only, and must not allocate.
struct launch {
  std::vector<char*> arguments;
  const char* directory;
  const account* run_as;
  int input;
  int output;
  int report;
  int death_signal;
  pid_t parent;
};

[[noreturn]] void become(const launch& plan) {
  auto give_up = [&plan] {
    int error = errno;
    [[maybe_unused]] auto written = write(plan.report, &error, sizeof(error));
    _exit(127);
  };
  setsid();
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  for (int number : {SIGINT, SIGTERM, SIGQUIT, SIGHUP, SIGPIPE, SIGCHLD, SIGUSR1, SIGUSR2})
    std::signal(number, SIG_DFL);
  if (dup2(plan.input, 0) < 0 || dup2(plan.output, 1) < 0 || dup2(plan.output, 2) < 0)
    give_up();
  if (chdir(plan.directory) != 0)
    give_up();
  if (plan.run_as != nullptr &&
      (setgroups(1, &plan.run_as->gid) != 0 ||
       setresgid(plan.run_as->gid, plan.run_as->gid, plan.run_as->gid) != 0 ||
       setresuid(plan.run_as->uid, plan.run_as->uid, plan.run_as->uid) != 0))
    give_up();
  // After the change of account, which would clear it.
  if (prctl(PR_SET_PDEATHSIG, plan.death_signal) != 0)
    give_up();
  if (getppid() != plan.parent) // it died before the line above
    _exit(127);
  syscall(SYS_close_range, 3u, ~0u, CLOSE_RANGE_CLOEXEC);
  execv(plan.arguments.front(), plan.arguments.data());
  give_up();
  _exit(127);
}

class descriptor {
public:
  explicit descriptor(int fd) : fd_(fd) {}
  descriptor(const descriptor&) = delete;
  descriptor& operator=(const descriptor&) = delete;
  ~descriptor() { close_now(); }
  int get() const { return fd_; }
  void close_now() {
    if (fd_ >= 0)
      close(std::exchange(fd_, -1));
  }

private:
  int fd_;
};

[[noreturn]] void fail_to_run(const process_options& options, int error) {
  throw std::runtime_error("cannot run " + options.program.string() + ": " +
                           std::generic_category().message(error));
}

pid_t start(const process_options& options) {
  auto arguments = options.arguments;
  arguments.insert(arguments.begin(), options.program.string());
  descriptor input{open("/dev/null", O_RDONLY | O_CLOEXEC)};
  descriptor output{open(options.output.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644)};
  if (output.get() < 0)
    throw std::runtime_error("cannot write " + options.output.string() + ": " +
                             std::generic_category().message(errno));
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0)
    fail_to_run(options, errno);
  descriptor read_end{ends[0]};
  descriptor write_end{ends[1]};
  launch plan{{},
              options.working_directory.c_str(),
              options.run_as ? &*options.run_as : nullptr,
              input.get(),
              output.get(),
              write_end.get(),
              options.death_signal,
              getpid()};
  for (auto& argument : arguments)
    plan.arguments.push_back(argument.data());
  plan.arguments.push_back(nullptr);
  auto pid = fork();
  if (pid == 0)
    become(plan);
  if (pid < 0)
    fail_to_run(options, errno);
  // The pipe closes without a word when exec succeeds.
  write_end.close_now();
  int error = 0;
  ssize_t got = 0;
  do {
    got = read(read_end.get(), &error, sizeof(error));
  } while (got < 0 && errno == EINTR);
  if (got == sizeof(error)) {
    waitpid(pid, nullptr, 0);
    fail_to_run(options, error);
  }
  return pid;
}

} // namespace

process::process(process_options options) {
  std::promise<pid_t> started;
  auto result = started.get_future();
  thread_ = std::thread{[this, &options, started = std::move(started)]() mutable {
    pid_t pid = 0;
    try {
      pid = start(options);
    } catch (...) {
      started.set_exception(std::current_exception());
      return;
    }
    started.set_value(pid);
    reap(pid);
  }};
  try {
    pid_ = result.get();
  } catch (...) {
    thread_.join();
    throw;
  }
}

process::~process() {
  try {
    kill_all();
  } catch (const std::exception&) {
    signal(SIGKILL); // a descendant is stuck in the kernel; the program itself must go
  }
  thread_.join();
}

void process::reap(pid_t pid) {
  siginfo_t info{};
  while (waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOWAIT) != 0 && errno == EINTR) {
  }
  std::lock_guard guard{mutex_};
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  status_ = status;
  ended_.notify_all();
}

bool process::running() const {
  std::lock_guard guard{mutex_};
  return !status_;
}

std::optional<int> process::wait_for(std::chrono::milliseconds timeout) const {
  std::unique_lock guard{mutex_};
  ended_.wait_for(guard, timeout, [this] { return status_.has_value(); });
  return status_;
}

void process::signal(int number) const {
  std::lock_guard guard{mutex_};
  if (!status_)
    ::kill(pid_, number);
}

void process::stop_all() const {
  std::lock_guard guard{mutex_};
  if (!status_)
    stop_tree(pid_);
}

void process::continue_all() const {
  std::lock_guard guard{mutex_};
  if (!status_)
    continue_tree(pid_);
}

void process::kill_all() const {
  std::unique_lock guard{mutex_};
  if (status_)
    return;
  kill_tree(pid_);
  if (!ended_.wait_for(guard, std::chrono::seconds{10}, [this] { return status_.has_value(); }))
    throw std::runtime_error("a killed server process does not end: is its disk stuck?");
}

std::string run_program(process_options options, std::chrono::milliseconds timeout) {
  auto name = options.program.filename().string();
  auto output = options.output;
  process child{std::move(options)};
  auto status = child.wait_for(timeout);
  auto text = read_file(output);
  if (!status)
    throw std::runtime_error(name + " did not finish within " + std::to_string(timeout.count()) +
                             " ms; it wrote:\n" + tail(text));
  if (*status != 0)
    throw std::runtime_error(name + " failed; it wrote:\n" + tail(text));
  return text;
}

std::string read_file(const fs::path& path) {
  std::ifstream in{path, std::ios::binary};
  std::ostringstream text;
  text << in.rdbuf();
  return std::move(text).str();
}

std::string tail(const std::string& text, size_t lines) {
  auto begin = text.size();
  // The newline that ends the text ends its last line, and begins none.
  for (size_t found = 0; begin > 0; --begin)
    if (text[begin - 1] == '\n' && begin != text.size() && ++found == lines)
      break;
  return text.substr(begin);
}

fs::path find_in_path(const std::string& name) {
  const char* path = std::getenv("PATH");
  std::istringstream directories{path != nullptr ? path : "/usr/local/bin:/usr/bin:/bin"};
  for (std::string directory; std::getline(directories, directory, ':');) {
    auto candidate = fs::path{directory} / name;
    if (!directory.empty() && access(candidate.c_str(), X_OK) == 0)
      return candidate;
  }
  return {};
}

} // namespace dbs::testing
