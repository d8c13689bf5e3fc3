#include "harness/report.hpp"

#include <fmt/core.h>

#include <algorithm>

namespace dbs::bench {

namespace {

std::string text_of(const nlohmann::json& value) {
  return value.is_null() ? "" : value.get<std::string>();
}

/// A median with the range of the rounds.
std::string side(const nlohmann::json& result, const std::string& key) {
  if (result.at(key).is_null())
    return "-";
  auto& range = result.at(key + "_range");
  return fmt::format("{:.4g} ({:.4g}-{:.4g})", result.at(key).get<double>(),
                     range.at(0).get<double>(), range.at(1).get<double>());
}

std::string verdict(const nlohmann::json& result) {
  if (result.contains("error")) {
    auto error = text_of(result["error"]);
    std::replace(error.begin(), error.end(), '\n', ' ');
    return "NOT MEASURED: " + error;
  }
  if (result.at("ok").is_null())
    return "";
  return result["ok"].get<bool>() ? "ok" : "MISSED";
}

} // namespace

std::string line_of(const nlohmann::json& result) {
  auto& ratio = result.at("ratio");
  auto peer = side(result, "peer");
  if (!result.at("peer_name").is_null())
    peer = text_of(result["peer_name"]) + " " + peer;
  return fmt::format("{:<34} {:<8} {:<8} ours {:<26} {:<60} ratio {:<6} target {:<8} {}",
                     text_of(result.at("name")), text_of(result.at("placement")),
                     text_of(result.at("unit")), side(result, "ours"), peer,
                     ratio.is_null() ? "-" : fmt::format("{:.2f}", ratio.get<double>()),
                     text_of(result.at("target")), verdict(result));
}

void tally::count(const nlohmann::json& result) {
  if (result.contains("error"))
    ++failed_;
  else if (!result.at("ok").is_null())
    ++(result["ok"].get<bool>() ? met_ : missed_);
}

std::string tally::text() const {
  return fmt::format("{} met, {} missed, {} not measured", met_, missed_, failed_);
}

} // namespace dbs::bench
