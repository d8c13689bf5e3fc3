// What the tests of the loader share: sources, and what is loaded or refused.
#pragma once

#include "dbs/config/load.hpp"
#include "dbs/messages/error_detail.hpp"
#include "dbs/testing/servers/temporary_directory.hpp"

#include <catch2/catch_message.hpp>
#include <catch2/catch_test_macros.hpp>

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <utility>

namespace dbs::tests {

/// A file that lives as long as the test.
class temporary_file {
public:
  explicit temporary_file(std::string_view text) { std::ofstream{path_} << text; }

  const std::filesystem::path& path() const { return path_; }

private:
  testing::temporary_directory directory_{"config"};
  std::filesystem::path path_ = directory_.path() / "dbs.toml";
};

/// Sources with nothing but both URLs.
inline config_sources with_targets() {
  config_sources result;
  result.environment = {{"DATABASE_URL", "postgresql+asyncpg://user:S3cret@db:5432/app"},
                        {"REDIS_URL", "redis://:S3cret@cache:6379/2"}};
  return result;
}

inline loaded_settings load(const config_sources& sources) {
  auto result = load_settings(sources);
  if (!result)
    FAIL(describe(result.error()));
  return std::move(*result);
}

inline error_detail refusal(const config_sources& sources) {
  auto result = load_settings(sources);
  REQUIRE_FALSE(result);
  CHECK(result.error() == errc::config_invalid);
  return detail(result.error());
}

inline std::string origin(const loaded_settings& x, std::string_view key) {
  auto found = x.origins.find(key);
  return found != x.origins.end() ? to_string(found->second) : "nothing";
}

inline bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

/// What is said about the one variable that is set wrongly.
inline std::string refusal_of(const std::string& name, const std::string& value) {
  auto sources = with_targets();
  sources.environment[name] = value;
  auto info = refusal(sources);
  INFO(info.what);
  CHECK(info.fields.size() == 1);
  return info.what;
}

inline std::string refusal_of_file(std::string_view text) {
  temporary_file file{text};
  auto sources = with_targets();
  sources.file = file.path();
  auto what = refusal(sources).what;
  CHECK(has(what, file.path().string()));
  return what;
}

} // namespace dbs::tests
