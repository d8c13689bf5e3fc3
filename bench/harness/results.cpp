#include "harness/results.hpp"

#include <algorithm>
#include <fstream>
#include <stdexcept>
#include <utility>

namespace dbs::bench {

namespace {

bool is_array_of_results(const nlohmann::json& x) {
  return x.is_array() && std::all_of(x.begin(), x.end(), [](const nlohmann::json& entry) {
           return entry.is_object() && entry.contains("name");
         });
}

} // namespace

void merge(nlohmann::json& results, nlohmann::json result) {
  auto same = std::find_if(results.begin(), results.end(), [&result](const nlohmann::json& x) {
    return x.at("name") == result.at("name");
  });
  if (same != results.end())
    *same = std::move(result);
  else
    results.push_back(std::move(result));
}

results_file::results_file(std::filesystem::path path, bool keep) : path_(std::move(path)) {
  if (!keep || !std::filesystem::exists(path_))
    return;
  std::ifstream in{path_};
  results_ = nlohmann::json::parse(in, nullptr, false);
  if (!is_array_of_results(results_))
    throw std::runtime_error(path_.string() + " holds no results: remove it");
}

void results_file::put(nlohmann::json result) {
  merge(results_, std::move(result));
  std::ofstream out{path_};
  out << results_.dump(2) << "\n";
  if (!out.flush())
    throw std::runtime_error("cannot write the results to " + path_.string());
}

} // namespace dbs::bench
