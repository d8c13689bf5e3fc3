// The file with the results: an array with one object per figure.
#pragma once

#include <nlohmann/json.hpp>

#include <filesystem>

namespace dbs::bench {

/// Puts `result` in the place of the entry with the same `name`, else at the end.
void merge(nlohmann::json& results, nlohmann::json result);

class results_file {
public:
  /// @param keep whether the entries that are there stay until they are replaced.
  /// Throws `std::runtime_error` if they shall and the file holds something else.
  results_file(std::filesystem::path path, bool keep);

  /// Merges and writes, so that an interrupted run leaves what it has measured.
  /// Throws `std::runtime_error` if the file cannot be written.
  void put(nlohmann::json result);

  const std::filesystem::path& path() const noexcept { return path_; }

private:
  std::filesystem::path path_;
  nlohmann::json results_ = nlohmann::json::array();
};

} // namespace dbs::bench
