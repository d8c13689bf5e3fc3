// Results for people: a line each, and the sum.
#pragma once

#include <nlohmann/json.hpp>

#include <string>

namespace dbs::bench {

/// One line for a result of `measure` or `not_measured`.
std::string line_of(const nlohmann::json& result);

/// How many targets were met and missed, and how many figures failed. Figures
/// without a target are for comparison and belong to none of the three.
class tally {
public:
  void count(const nlohmann::json& result);

  int failed() const noexcept { return failed_; }

  /// "12 met, 1 missed, 0 not measured"
  std::string text() const;

private:
  int met_ = 0;
  int missed_ = 0;
  int failed_ = 0;
};

} // namespace dbs::bench
