// dbsd as a child process, as a user runs it.
#pragma once

#include "dbs/testing/servers/free_port.hpp"
#include "dbs/testing/servers/process.hpp"
#include "dbs/testing/servers/temporary_directory.hpp"

#include <chrono>
#include <string>
#include <utility>
#include <vector>

namespace dbs::bench {

/// The command line that names this node's port and socket comes with it.
class dbsd_process {
public:
  explicit dbsd_process(std::vector<std::string> arguments);

  /// Asks GET /health/ready every millisecond until the answer is 200. Throws
  /// `std::runtime_error` with the node's output if it ends or takes too long.
  void wait_ready();

  /// Waits for its end, and calls `meanwhile` every 20 ms. Throws `std::runtime_error`
  /// with the node's output if it fails or takes too long.
  template <class F>
  void wait_for_end(F meanwhile) {
    auto deadline = std::chrono::steady_clock::now() + std::chrono::minutes{2};
    for (;;) {
      if (auto status = process_.wait_for(std::chrono::milliseconds{20})) {
        if (*status != 0)
          fail("it failed");
        return;
      }
      if (std::chrono::steady_clock::now() > deadline)
        fail("it did not end");
      meanwhile();
    }
  }

  /// A line of /proc/PID/status such as VmRSS, of the node alone; 0 if it has ended.
  double memory_mib(const std::string& line) const;

private:
  [[noreturn]] void fail(const std::string& what) const;

  testing::temporary_directory directory_{"bench-node"};
  testing::free_port port_;
  testing::process process_;
};

} // namespace dbs::bench
