// Paths of a node's administration.
#pragma once

#include <fmt/core.h>

#include <string>
#include <string_view>

namespace dbs::ctl {

/// Encodes everything that is not unreserved (RFC 3986, 2.3), so that any text is one
/// segment of a path.
inline std::string encode_segment(std::string_view text) {
  static constexpr std::string_view unreserved =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
  std::string result;
  for (auto c : text) {
    if (unreserved.find(c) != std::string_view::npos)
      result += c;
    else
      result += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return result;
}

} // namespace dbs::ctl
