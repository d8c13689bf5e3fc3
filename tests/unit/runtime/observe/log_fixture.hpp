// A logger under test.
#pragma once

#include "dbs/runtime/observe/log.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dbs::observe::test {

/// A logger whose lines and clock are the test's.
struct log_fixture {
  explicit log_fixture(const std::string& format = "text") {
    settings.format = format;
    options.now = [this] { return now; };
    options.sink = [this](std::string_view line) { written.emplace_back(line); };
  }

  logger& log() {
    if (!ptr) {
      auto made = logger::make(settings, options);
      REQUIRE(made);
      ptr = std::move(*made);
    }
    return *ptr;
  }

  /// What was logged so far; the logger writes it on a thread of its own.
  const std::vector<std::string>& lines() {
    if (ptr)
      REQUIRE(ptr->wait_written());
    return written;
  }

  std::string only_line() {
    REQUIRE(lines().size() == 1);
    auto line = written[0];
    REQUIRE(std::count(line.begin(), line.end(), '\n') == 1);
    REQUIRE(line.back() == '\n');
    line.pop_back();
    return line;
  }

  log_settings settings;
  logger_options options;
  // 2026-01-31T12:00:00.250Z
  logger_options::time_point now{std::chrono::milliseconds{1'769'860'800'250}};
  std::vector<std::string> written;
  std::unique_ptr<logger> ptr;
};

} // namespace dbs::observe::test
