// A log that is one text.
#pragma once

#include "dbs/runtime/observe/log.hpp"

#include <catch2/catch_test_macros.hpp>

#include <memory>
#include <string>
#include <string_view>

namespace dbs::tests {

/// The manager may outlive the test's fixture, and log to the end.
inline std::shared_ptr<observe::logger> make_log(const std::shared_ptr<std::string>& lines) {
  observe::logger_options options;
  options.sink = [lines](std::string_view line) { *lines += line; };
  auto result = observe::logger::make({}, options);
  REQUIRE(result);
  return std::move(*result);
}

} // namespace dbs::tests
