#include "dbs/config/file_access.hpp"

#include "dbs/config/internal/setting_candidate.hpp"

#include <cerrno>
#include <filesystem>
#include <string>
#include <system_error>
#include <vector>

#include <unistd.h>

namespace dbs {

namespace {

namespace fs = std::filesystem;

// These two return an errno, or 0 for a file that is as it should be.

int judge_existing(const fs::path& file, int access_mode) {
  if (::access(file.c_str(), access_mode) != 0)
    return errno;
  std::error_code ignored;
  return fs::is_directory(file, ignored) ? EISDIR : 0;
}

/// A log file that is not there is made, with all of its directories.
int judge_writable(const fs::path& file) {
  std::error_code code;
  auto path = fs::absolute(file, code);
  if (code)
    return code.value();
  auto problem = path.has_filename() ? judge_existing(path, W_OK) : EISDIR;
  while (problem == ENOENT && path.has_relative_path()) {
    path = path.parent_path();
    problem = ::access(path.c_str(), W_OK | X_OK) == 0 ? 0 : errno;
  }
  return problem;
}

} // namespace

caf::error check_file_access(const loaded_settings& settings) {
  std::vector<internal::setting_violation> violations;
  auto report = [&](std::string_view key, const std::string& file, std::string what, int problem) {
    if (problem == 0)
      return;
    what += ": " + std::generic_category().message(problem);
    violations.push_back(
        internal::bad_value({*find_setting(key), file, settings.origins.find(key)->second}, what));
  };
  auto& ca_file = settings.values.redis.ca_file;
  if (!ca_file.empty())
    report("redis.ca_file", ca_file, "cannot be read", judge_existing(ca_file, R_OK));
  auto& log_file = settings.values.log.file;
  if (!log_file.empty())
    report("log.file", log_file, "cannot be written", judge_writable(log_file));
  return internal::to_error(std::move(violations));
}

} // namespace dbs
