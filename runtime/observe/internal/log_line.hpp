// How a line of the log is written.
#pragma once

#include "dbs/messages/field.hpp"
#include "dbs/runtime/observe/log.hpp"

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

namespace dbs::observe::internal {

enum class log_layout : uint8_t { text, json };

struct log_record {
  std::chrono::system_clock::time_point at;
  log_level level = log_level::info;
  std::string_view component;
  std::string_view message;
  const std::vector<field>* fields = nullptr;
};

/// "2026-01-31T12:00:00.000Z".
std::string format_time(std::chrono::system_clock::time_point at);

/// One line without its line end: masked, escaped, and never longer than
/// `max_bytes`, which must be 512 or more. A value that was cut ends with "[cut]";
/// fields for which there was no room are only counted.
std::string format_line(log_layout layout, const log_record& record, size_t max_bytes);

} // namespace dbs::observe::internal
