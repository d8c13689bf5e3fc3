#include "checks.hpp"

#include "answers.hpp"
#include "exit_codes.hpp"
#include "terminal.hpp"

#include <fmt/core.h>

#include <chrono>
#include <string>

namespace dbs::ctl {

namespace {

struct component {
  /// In the node's report.
  const char* key;
  const char* title;
  /// Whether every node has one.
  bool required;
};

constexpr component components[] = {{"database", "Database", true},
                                    {"cache", "Cache", true},
                                    {"locks", "Locks", false},
                                    {"pubsub", "Pub/sub", false},
                                    {"overall", "Overall", true}};

constexpr auto not_available = "not available";

} // namespace

int run_preflight(const options& how) {
  auto answer = how.node().get("/v1/health", how.timeout());
  if (!answer)
    return complain(answer.error());
  // 503 means unhealthy here, and the body says who.
  if (!answer->body.is_object() || !answer->body.contains("overall"))
    return complain(how, *answer);
  auto report = nlohmann::json::object();
  auto good = true;
  for (auto& x : components) {
    auto& shown = report[x.key] = {{"status", not_available}};
    auto found = answer->body.find(x.key);
    if (found == answer->body.end() || !found->is_object()) {
      good = good && !x.required;
      continue;
    }
    shown["status"] = found->value("status", not_available);
    if (found->contains("detail"))
      shown["detail"] = (*found)["detail"];
    good = good && shown["status"] == "healthy";
  }
  if (how.json) {
    print(how, report);
    return good ? ok : unhealthy;
  }
  for (auto& x : components) {
    auto& shown = report[x.key];
    auto line = shown["status"].get<std::string>();
    if (shown.contains("detail"))
      line += " (" + shown["detail"].get<std::string>() + ")";
    fmt::print("{}: {}\n", x.title, printable(line));
  }
  return good ? ok : unhealthy;
}

int run_baseline(const options& how, caf::timespan l1_delay) {
  auto us = std::chrono::duration_cast<std::chrono::microseconds>(l1_delay).count();
  auto answer = how.node().post("/v1/cache/baseline", {{"l1_delay_us", us}}, how.timeout());
  if (!answer || !answer->ok())
    return finish(how, answer);
  auto& body = answer->body;
  if (how.json) {
    print(how, body);
  } else if (auto& median = body["l1_ms"]["p50"]; median.is_number()) {
    fmt::print("L1 Cache: {:.3f}ms (target: <{}ms)\n", median.get<double>(),
               body["limit_ms"].get<double>());
  } else {
    fmt::print("L1 Cache: not found after it was set\n");
  }
  if (body["passed"] == true)
    return ok;
  say("L1 cache performance degraded");
  return failed_check;
}

} // namespace dbs::ctl
