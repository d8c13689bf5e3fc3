// Runs programs as a user does, from a shell.
#pragma once

#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <string>

namespace dbs::tests {

struct outcome {
  int exit_code = -1;
  /// What the command printed, on both streams.
  std::string output;

  bool says(const std::string& text) const { return output.find(text) != std::string::npos; }
};

inline outcome run(const std::string& command) {
  outcome result;
  auto* pipe = popen(("( " + command + " ) 2>&1").c_str(), "r");
  std::array<char, 4096> buffer{};
  while (auto n = std::fread(buffer.data(), 1, buffer.size(), pipe))
    result.output.append(buffer.data(), n);
  auto status = pclose(pipe);
  if (WIFEXITED(status))
    result.exit_code = WEXITSTATUS(status);
  return result;
}

/// Where the programs under test are.
inline const std::string bin = DBS_BIN_DIR;

} // namespace dbs::tests
