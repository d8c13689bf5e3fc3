#include "harness/figure.hpp"

#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <fstream>
#include <stdexcept>

namespace dbs::bench {

namespace {

struct spread {
  double median = 0;
  double min = 0;
  double max = 0;
};

spread summarize(std::vector<double> xs) {
  std::sort(xs.begin(), xs.end());
  return {xs[xs.size() / 2], xs.front(), xs.back()};
}

/// Children inherit the mask: servers and peers stay on the same core.
void pin_to_one_core() {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(0, &set);
  if (sched_setaffinity(0, sizeof(set), &set) != 0)
    throw std::runtime_error("cannot bind this process to core 0");
}

nlohmann::json measure(const figure& what) {
  auto both = what.make();
  std::vector<double> ours;
  std::vector<double> peer;
  for (int i = 0; i < what.rounds; ++i) {
    ours.push_back(both->ours());
    if (!what.peer_name.empty())
      peer.push_back(both->peer());
  }
  auto mine = summarize(ours);
  nlohmann::json result{{"name", what.name},
                        {"unit", what.unit},
                        {"placement", what.where == placement::free ? "free" : "one core"},
                        {"rounds", what.rounds},
                        {"ours", mine.median},
                        {"ours_range", {mine.min, mine.max}},
                        {"peer", nullptr},
                        {"peer_name", nullptr},
                        {"ratio", nullptr},
                        {"target", what.target},
                        {"ok", nullptr}};
  auto judged = mine.median;
  auto target = what.target;
  if (!peer.empty()) {
    auto theirs = summarize(peer);
    judged = mine.median / theirs.median;
    result["peer"] = theirs.median;
    result["peer_range"] = {theirs.min, theirs.max};
    result["peer_name"] = what.peer_name;
    result["ratio"] = judged;
    if (target.rfind("adds ", 0) == 0) {
      judged = mine.median - theirs.median;
      target = target.substr(5);
    }
  }
  if (!target.empty())
    result["ok"] = fulfils(target, judged);
  return result;
}

/// This program again, for one figure; returns the last line it printed.
std::string run_in_child(const std::string& name) {
  std::array<int, 2> out{};
  if (pipe(out.data()) != 0)
    throw std::runtime_error("pipe failed");
  auto child = fork();
  if (child == 0) {
    dup2(out[1], STDOUT_FILENO);
    close(out[0]);
    close(out[1]);
    execl("/proc/self/exe", "dbs_bench", "--in-this-process", name.c_str(), nullptr);
    _exit(127);
  }
  close(out[1]);
  std::string text;
  std::array<char, 4096> buffer{};
  for (ssize_t n = 0; (n = read(out[0], buffer.data(), buffer.size())) > 0;)
    text.append(buffer.data(), static_cast<size_t>(n));
  close(out[0]);
  int status = 0;
  waitpid(child, &status, 0);
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
    throw std::runtime_error("the figure's process failed");
  while (!text.empty() && text.back() == '\n')
    text.pop_back();
  auto last = text.rfind('\n');
  return last == std::string::npos ? text : text.substr(last + 1);
}

void print(const nlohmann::json& x) {
  auto verdict = x["ok"].is_null() ? "" : x["ok"].get<bool>() ? "ok" : "MISSED";
  auto ours = fmt::format("{:.4g} ({:.4g}-{:.4g})", x["ours"].get<double>(),
                          x["ours_range"][0].get<double>(), x["ours_range"][1].get<double>());
  std::string peer = "-";
  std::string ratio = "-";
  if (!x["peer"].is_null()) {
    peer = fmt::format("{} {:.4g} ({:.4g}-{:.4g})", x["peer_name"].get<std::string>(),
                       x["peer"].get<double>(), x["peer_range"][0].get<double>(),
                       x["peer_range"][1].get<double>());
    ratio = fmt::format("{:.2f}", x["ratio"].get<double>());
  }
  fmt::print("{:<42} {:<8} {:<8} ours {:<30} {:<52} ratio {:<6} target {:<12} {}\n",
             x["name"].get<std::string>(), x["placement"].get<std::string>(),
             x["unit"].get<std::string>(), ours, peer, ratio, x["target"].get<std::string>(),
             verdict);
  std::fflush(stdout);
}

} // namespace

std::vector<figure> all_figures() {
  std::vector<figure> result;
  for (auto& part : {actor_figures(), database_figures(), node_figures()})
    result.insert(result.end(), part.begin(), part.end());
  return result;
}

bool fulfils(const std::string& target, double value) {
  auto limit = std::stod(target.substr(3));
  if (target.rfind(">= ", 0) == 0)
    return value >= limit;
  if (target.rfind("<= ", 0) == 0)
    return value <= limit;
  throw std::invalid_argument("a target must begin with '>= ' or '<= ': " + target);
}

int run_figure(const figure& what) {
  if (what.where == placement::one_core)
    pin_to_one_core();
  auto result = measure(what);
  fmt::print("{}\n", result.dump());
  return 0;
}

int run_figures(const std::vector<figure>& figures, const std::string& results_file) {
  auto results = nlohmann::json::array();
  int failures = 0;
  for (auto& what : figures) {
    try {
      results.push_back(nlohmann::json::parse(run_in_child(what.name)));
      print(results.back());
    } catch (const std::exception& e) {
      fmt::print(stderr, "{}: not measured: {}\n", what.name, e.what());
      ++failures;
    }
  }
  std::ofstream{results_file} << results.dump(2) << "\n";
  fmt::print("results: {}\n", results_file);
  return failures == 0 ? 0 : 1;
}

} // namespace dbs::bench
