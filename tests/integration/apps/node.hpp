// A dbsd of one's own.
#pragma once

#include "integration/apps/command.hpp"

#include "dbs/testing/servers/temporary_directory.hpp"

#include <catch2/catch_test_macros.hpp>
#include <nlohmann/json.hpp>

#include <unistd.h>

#include <csignal>
#include <string>
#include <utility>
#include <vector>

namespace dbs::tests {

/// Runs from construction to destruction.
class node {
public:
  /// @param flags of dbsd.
  /// @param environment assignments, such as "DATABASE_URL=...".
  explicit node(std::vector<std::string> flags, std::vector<std::string> environment = {}) {
    std::vector<std::string> words{"env"};
    words.insert(words.end(), environment.begin(), environment.end());
    words.push_back(bin + "/dbsd");
    words.insert(words.end(), flags.begin(), flags.end());
    words.insert(words.end(), {"--set", "http.socket=" + socket()});
    std::vector<char*> arguments;
    for (auto& x : words)
      arguments.push_back(x.data());
    arguments.push_back(nullptr);
    pid_ = fork();
    if (pid_ == 0) {
      execvp(arguments[0], arguments.data());
      _exit(127);
    }
  }

  node(const node&) = delete;
  node& operator=(const node&) = delete;

  ~node() {
    if (pid_ > 0)
      stop();
  }

  /// Ends it as an operator does; returns its exit code.
  int stop() {
    ::kill(pid_, SIGTERM);
    int status = 0;
    waitpid(pid_, &status, 0);
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

  std::string socket() const { return (directory_.path() / "node.sock").string(); }

  outcome ctl(const std::string& arguments) const {
    return run(bin + "/dbsctl --socket " + socket() + " " + arguments);
  }

  nlohmann::json json(const std::string& arguments) const {
    auto result = ctl("--json " + arguments);
    INFO(result.output);
    REQUIRE(result.exit_code == 0);
    return nlohmann::json::parse(result.output);
  }

  /// The body of a GET over TCP that must succeed.
  std::string get(const std::string& path) const {
    auto answer = run("curl -fsS " + url() + path);
    INFO(path << ": " << answer.output);
    REQUIRE(answer.exit_code == 0);
    return answer.output;
  }

  std::string url() const {
    return "http://127.0.0.1:" + std::to_string(json("stats http")["port"].get<int>());
  }

private:
  dbs::testing::temporary_directory directory_{"programs"};
  pid_t pid_ = -1;
};

/// The HTTP status of a GET, as text; "000" if nobody answers.
inline std::string status_of(const std::string& url) {
  return run("curl -s -o /dev/null -w '%{http_code}' " + url).output;
}

} // namespace dbs::tests
