// Runs our programs as a user does.
#pragma once

#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <string>

namespace dbs::tests {

inline const std::string bin = DBS_BIN_DIR;

struct outcome {
  int exit_code = -1;
  std::string output;
};

/// Runs a shell command and returns what it printed on both streams.
inline outcome run(const std::string& command) {
  outcome result;
  auto* pipe = popen((command + " 2>&1").c_str(), "r");
  std::array<char, 4096> buffer{};
  while (auto n = std::fread(buffer.data(), 1, buffer.size(), pipe))
    result.output.append(buffer.data(), n);
  auto status = pclose(pipe);
  if (WIFEXITED(status))
    result.exit_code = WEXITSTATUS(status);
  return result;
}

} // namespace dbs::tests
