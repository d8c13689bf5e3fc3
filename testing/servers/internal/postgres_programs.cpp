#include "dbs/testing/servers/internal/postgres_programs.hpp"

#include "dbs/testing/servers/process.hpp"
#include "dbs/testing/servers/temporary_directory.hpp"

#include <fcntl.h>
#include <pwd.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <stdexcept>
#include <system_error>

namespace dbs::testing::internal {

namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

/// Part of the template's name: change it when the arguments of initdb change.
constexpr int template_layout = 1;

bool has_programs(const fs::path& directory) {
  return !directory.empty() && access((directory / "initdb").c_str(), X_OK) == 0 &&
         access((directory / "postgres").c_str(), X_OK) == 0;
}

fs::path ask_pg_config() {
  auto program = find_in_path("pg_config");
  if (program.empty())
    return {};
  temporary_directory scratch{"pg-config", {.in_memory = true}};
  process_options options{.program = program, .arguments = {"--bindir"}};
  options.output = scratch.path() / "out";
  try {
    auto answer = run_program(std::move(options), 10s);
    return answer.substr(0, answer.find('\n'));
  } catch (const std::runtime_error&) {
    return {}; // a broken pg_config is as good as none: the usual places come next
  }
}

fs::path highest_version() {
  fs::path best;
  int best_version = 0;
  std::error_code error;
  for (fs::directory_iterator i{"/usr/lib/postgresql", error}, end; !error && i != end;
       i.increment(error)) {
    int version = std::atoi(i->path().filename().c_str());
    if (version > best_version && has_programs(i->path() / "bin")) {
      best = i->path() / "bin";
      best_version = version;
    }
  }
  return best;
}

fs::path cache_directory() {
  if (const char* cache = std::getenv("XDG_CACHE_HOME"); cache != nullptr && *cache == '/')
    return fs::path{cache} / "dbs-testing";
  const char* home = std::getenv("HOME");
  if (home == nullptr || *home != '/') {
    const auto* entry = getpwuid(geteuid());
    home = entry != nullptr ? entry->pw_dir : "/tmp";
  }
  return fs::path{home} / ".cache" / "dbs-testing";
}

/// Waits for a lock on a file, which the kernel drops when the process ends.
class file_lock {
public:
  explicit file_lock(const fs::path& path)
      : fd_(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)) {
    if (fd_ < 0)
      throw std::runtime_error("cannot write " + path.string() + ": " +
                               std::generic_category().message(errno) +
                               ". Point XDG_CACHE_HOME at a directory of yours");
    while (flock(fd_, LOCK_EX) != 0 && errno == EINTR) {
    }
  }

  file_lock(const file_lock&) = delete;
  file_lock& operator=(const file_lock&) = delete;

  ~file_lock() { close(fd_); }

private:
  int fd_;
};

/// Such as "postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)".
std::string server_version(const fs::path& programs, const fs::path& scratch) {
  process_options options{.program = programs / "postgres", .arguments = {"--version"}};
  options.output = scratch / "version";
  auto text = run_program(std::move(options), 10s);
  return text.substr(0, text.find('\n'));
}

std::string version_number(const std::string& version) {
  auto begin = version.find_first_of("0123456789");
  if (begin == std::string::npos)
    throw std::runtime_error("cannot read a version from '" + version + "'");
  return version.substr(begin, version.find_first_not_of("0123456789.", begin) - begin);
}

void make_template(const fs::path& programs, const std::string& superuser,
                   const std::optional<account>& run_as, const fs::path& target) {
  temporary_directory scratch{"template", {.shared = run_as.has_value(), .in_memory = true}};
  auto data = scratch.path() / "data";
  fs::create_directory(data);
  if (run_as && chown(data.c_str(), run_as->uid, run_as->gid) != 0)
    throw std::runtime_error("cannot give " + data.string() + " to " + run_as->name);
  process_options options{.program = programs / "initdb",
                          .arguments = {"--pgdata=" + data.string(), "--username=" + superuser,
                                        "--encoding=UTF8", "--locale=C", "--auth=trust",
                                        "--no-sync", "--no-instructions"}};
  options.working_directory = data;
  options.output = scratch.path() / "log";
  options.run_as = run_as;
  run_program(std::move(options), 120s);
  auto unfinished = target;
  unfinished += ".unfinished";
  fs::remove_all(unfinished);
  fs::create_directory(unfinished);
  copy_template(data, unfinished, std::nullopt);
  fs::rename(unfinished, target);
}

} // namespace

fs::path find_postgres_programs() {
  auto beside_path = find_in_path("initdb").parent_path();
  for (const auto& directory : {ask_pg_config(), highest_version(), beside_path})
    if (has_programs(directory))
      return directory;
  throw std::runtime_error("PostgreSQL's server programs initdb and postgres were not found: "
                           "install the package 'postgresql', or put their directory into PATH");
}

fs::path postgres_template(const fs::path& programs, const std::string& superuser,
                           const std::optional<account>& run_as) {
  temporary_directory scratch{"version", {.in_memory = true}};
  auto version = server_version(programs, scratch.path());
  auto key = std::hash<std::string>{}(programs.string() + '\n' + version + '\n' + superuser + '\n' +
                                      std::to_string(template_layout));
  char hex[17];
  std::snprintf(hex, sizeof(hex), "%016zx", key);
  auto cache = cache_directory();
  std::error_code error;
  fs::create_directories(cache, error); // the lock reports what is wrong
  auto path = cache / ("pg-template-" + version_number(version) + "-" + hex);
  if (fs::exists(path))
    return path;
  file_lock lock{path.string() + ".lock"};
  if (!fs::exists(path))
    make_template(programs, superuser, run_as, path);
  return path;
}

void copy_template(const fs::path& from, const fs::path& target,
                   const std::optional<account>& owner) {
  auto hand_over = [&owner](const fs::path& path) {
    if (owner && lchown(path.c_str(), owner->uid, owner->gid) != 0)
      throw std::runtime_error("cannot give " + path.string() + " to " + owner->name);
  };
  for (const auto& entry : fs::recursive_directory_iterator{from}) {
    auto path = target / fs::relative(entry.path(), from);
    if (entry.is_directory())
      fs::create_directory(path, entry.path());
    else
      fs::copy_file(entry.path(), path);
    hand_over(path);
  }
  fs::permissions(target, fs::perms::owner_all);
  hand_over(target);
}

} // namespace dbs::testing::internal
