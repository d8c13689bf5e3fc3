#include "harness/measure.hpp"

#include <catch2/catch_test_macros.hpp>

#include <vector>

using namespace dbs::bench;

namespace {

/// Plays values that were written down, and writes down who was asked.
struct script {
  std::vector<double> ours;
  std::vector<double> peer;
  std::string order;
};

class scripted_duel : public duel {
public:
  explicit scripted_duel(script* what) : script_(what) {}

protected:
  double ours() override {
    script_->order += 'o';
    return script_->ours.at(ours_++);
  }
  double peer() override {
    script_->order += 'p';
    return script_->peer.at(peer_++);
  }

private:
  script* script_;
  size_t ours_ = 0;
  size_t peer_ = 0;
};

class scripted_solo : public contest {
public:
  reading round(bool) override { return {40}; }
  std::map<std::string, double> details() const override { return {{"crashes", 3}}; }
};

figure three_rounds(script& what, std::string target) {
  return {"a", "op/s", placement::one_core, "them", std::move(target), make<scripted_duel>(&what),
          3};
}

} // namespace

TEST_CASE("who goes first alternates from round to round") {
  script what{{1, 1, 1}, {1, 1, 1}, {}};
  measure(three_rounds(what, ""));
  CHECK(what.order == "oppoop");
}

TEST_CASE("the ratio is that of the medians, and the target is about the ratio") {
  script what{{30, 10, 20}, {5, 50, 10}, {}};
  auto x = measure(three_rounds(what, ">= 2"));
  CHECK(x == nlohmann::json::parse(R"({
    "name": "a", "unit": "op/s", "placement": "one core", "rounds": 3,
    "ours": 20.0, "ours_range": [10.0, 30.0],
    "peer": 10.0, "peer_range": [5.0, 50.0], "peer_name": "them",
    "ratio": 2.0, "target": ">= 2", "ok": true})"));
  script again{{30, 10, 20}, {5, 50, 10}, {}};
  CHECK(measure(three_rounds(again, "<= 1.9"))["ok"] == false);
}

TEST_CASE("a figure without a target is neither met nor missed") {
  script what{{1, 1, 1}, {1, 1, 1}, {}};
  CHECK(measure(three_rounds(what, ""))["ok"].is_null());
}

TEST_CASE("without a peer the target is about the figure itself") {
  figure what{"b", "ms", placement::free, "", "< 50", make<scripted_solo>(), 2};
  auto x = measure(what);
  CHECK(x == nlohmann::json::parse(R"({
    "name": "b", "unit": "ms", "placement": "free", "rounds": 2,
    "ours": 40.0, "ours_range": [40.0, 40.0],
    "peer": null, "peer_range": null, "peer_name": null,
    "ratio": null, "target": "< 50", "ok": true, "details": {"crashes": 3.0}})"));
}

TEST_CASE("a figure that could not be measured is not ok and says why") {
  figure what{"b", "ms", placement::free, "", "< 50", make<scripted_solo>(), 2};
  auto x = not_measured(what, "the peer is not installed");
  CHECK(x["ok"] == false);
  CHECK(x["error"] == "the peer is not installed");
  CHECK(x["ours"].is_null());
}
