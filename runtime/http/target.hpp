// The request target: path and query, strictly decoded.
#pragma once

#include "dbs/runtime/http/message.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dbs {

struct http_target {
  std::string path;
  std::vector<std::string> segments;
  http_fields query;
};

/// Decodes %XX; with `plus_is_blank`, '+' as well. Nothing if a percent sign is not
/// followed by two hexadecimal digits.
std::optional<std::string> percent_decode(std::string_view text, bool plus_is_blank = false);

/// Parses "/path?query" or "http://authority/path?query" (RFC 9112, 3.2). Nothing
/// if it is neither, if an encoding is broken, if the decoded path has control
/// characters or the query a zero byte, or if there are more than 64 segments or
/// parameters. A path is only compared with routes, never with a file system, so
/// ".." has no meaning.
std::optional<http_target> parse_target(std::string_view target);

} // namespace dbs
