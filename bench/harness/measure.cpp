#include "harness/measure.hpp"

#include "harness/statistics.hpp"
#include "harness/target.hpp"

#include <stdexcept>
#include <vector>

namespace dbs::bench {

namespace {

nlohmann::json description(const figure& what) {
  auto text_or_null = [](const std::string& text) {
    return text.empty() ? nlohmann::json{} : nlohmann::json(text);
  };
  return {{"name", what.name},
          {"unit", what.unit},
          {"placement", what.where == placement::free ? "free" : "one core"},
          {"rounds", what.rounds},
          {"ours", nullptr},
          {"ours_range", nullptr},
          {"peer", nullptr},
          {"peer_range", nullptr},
          {"peer_name", text_or_null(what.peer_name)},
          {"ratio", nullptr},
          {"target", what.target},
          {"ok", nullptr}};
}

} // namespace

nlohmann::json measure(const figure& what) {
  auto contest = what.make();
  std::vector<double> ours;
  std::vector<double> peer;
  for (auto i = 0; i < what.rounds; ++i) {
    auto one = contest->round(i % 2 == 1);
    ours.push_back(one.ours);
    if (one.peer)
      peer.push_back(*one.peer);
  }
  if (peer.empty() != what.peer_name.empty())
    throw std::logic_error("a figure names its peer if it measures one, and only then");
  auto result = description(what);
  auto mine = spread_of(std::move(ours));
  result["ours"] = mine.median;
  result["ours_range"] = {mine.min, mine.max};
  auto judged = mine.median;
  if (!peer.empty()) {
    auto theirs = spread_of(std::move(peer));
    if (theirs.median == 0)
      throw std::runtime_error("the peer measured nothing");
    judged = mine.median / theirs.median;
    result["peer"] = theirs.median;
    result["peer_range"] = {theirs.min, theirs.max};
    result["ratio"] = judged;
  }
  if (!what.target.empty())
    result["ok"] = fulfils(what.target, judged);
  if (auto details = contest->details(); !details.empty())
    result["details"] = details;
  return result;
}

nlohmann::json not_measured(const figure& what, const std::string& error) {
  auto result = description(what);
  result["ok"] = false;
  result["error"] = error;
  return result;
}

} // namespace dbs::bench
