#include "dbs/testing/scripted/call_script.hpp"

#include <algorithm>
#include <stdexcept>

namespace dbs::testing {

scripted_answer& call_script::expect(std::string call) {
  expected_.push_back({std::move(call), {}});
  return expected_.back().answer;
}

std::optional<scripted_answer> call_script::take(const std::string& call) {
  auto found = std::find_if(expected_.begin(), expected_.end(),
                            [&call](const expectation& x) { return x.call == call; });
  if (found == expected_.end())
    return std::nullopt;
  auto result = std::move(found->answer);
  expected_.erase(found);
  return result;
}

std::string call_script::refuse(const std::string& call) {
  refused_.push_back("not expected: " + call + "; expected: " + expected_calls());
  return refused_.back();
}

void call_script::verify() const {
  std::string problems;
  for (const auto& line : refused_)
    problems += line + "\n";
  for (const auto& x : expected_)
    problems += "did not come: " + x.call + "\n";
  if (!problems.empty())
    throw std::logic_error(problems);
}

std::string call_script::expected_calls() const {
  std::string result;
  for (const auto& x : expected_)
    result += (result.empty() ? "" : ", or ") + x.call;
  return result.empty() ? "nothing" : result;
}

} // namespace dbs::testing
