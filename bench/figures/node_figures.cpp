// What a node needs: time to be ready, and memory.
#include "figures/all.hpp"
#include "figures/dbsd_process.hpp"
#include "figures/servers.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <thread>

namespace dbs::bench {

namespace {

using namespace std::chrono_literals;

constexpr auto idle_time = 5s;

std::vector<std::string> arguments_for(const servers& what) {
  std::vector<std::string> result;
  for (auto& [key, value] : what.settings())
    result.insert(result.end(), {"--set", fmt::format("{}={}", key, value)});
  return result;
}

/// From the start of the program to the first 200 of /health/ready.
class ready : public contest {
public:
  reading round(bool) override {
    auto began = std::chrono::steady_clock::now();
    dbsd_process node{arguments_for(servers_)};
    node.wait_ready();
    return {std::chrono::duration<double>{std::chrono::steady_clock::now() - began}.count()};
  }

private:
  servers servers_;
};

/// Of the node alone: its servers are other processes.
class idle_memory : public contest {
public:
  reading round(bool) override {
    dbsd_process node{arguments_for(servers_)};
    node.wait_ready();
    std::this_thread::sleep_for(idle_time);
    return {node.memory_mib("VmRSS")};
  }

private:
  servers servers_;
};

/// The peak, while the node runs what the quickstart runs.
class loaded_memory : public contest {
public:
  reading round(bool) override {
    dbsd_process node{{"--dev", "--demo", "--once"}};
    double peak = 0;
    // The kernel keeps the peak itself; what it says last is what counts.
    node.wait_for_end([&] { peak = std::max(peak, node.memory_mib("VmHWM")); });
    return {peak};
  }
};

} // namespace

std::vector<figure> node_figures() {
  auto free = placement::free;
  return {
      {"node_ready", "s", free, "", "<= 1", make<ready>()},
      {"node_idle_memory", "MiB", free, "", "<= 60", make<idle_memory>(), 3},
      {"node_loaded_memory", "MiB", free, "", "<= 300", make<loaded_memory>(), 3},
  };
}

} // namespace dbs::bench
