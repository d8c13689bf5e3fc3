#include "dbs/runtime/http/internal/response_head.hpp"

#include <boost/beast/core/string.hpp>
#include <boost/beast/http/status.hpp>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <string_view>

namespace dbs::http_internal {

namespace {

namespace beast = boost::beast;

bool is_token(std::string_view text) {
  constexpr std::string_view marks = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::all_of(text.begin(), text.end(), [marks](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           marks.find(c) != std::string_view::npos;
  });
}

bool is_value(std::string_view text) {
  return std::none_of(text.begin(), text.end(), [](char c) {
    auto byte = static_cast<unsigned char>(c);
    return (byte < 0x20 && c != '\t') || byte == 0x7f;
  });
}

bool is_ours(std::string_view name) {
  for (auto ours : {"Content-Length", "Content-Type", "Connection", "Date", "Transfer-Encoding"})
    if (beast::iequals({name.data(), name.size()}, ours))
      return true;
  return false;
}

} // namespace

bool is_well_formed(const http_response& response) {
  return response.status >= 200 && response.status <= 599 && is_value(response.content_type) &&
         std::all_of(response.headers.begin(), response.headers.end(), [](auto& x) {
           return is_token(x.first) && is_value(x.second) && !is_ours(x.first);
         });
}

bool may_have_body(unsigned status) noexcept {
  return status != 204 && status != 304;
}

std::string response_head(const http_response& response, bool keep_open) {
  auto reason = beast::http::obsolete_reason(beast::http::int_to_status(response.status));
  fmt::memory_buffer out;
  auto to = std::back_inserter(out);
  fmt::format_to(to, "HTTP/1.1 {} {}\r\nDate: {:%a, %d %b %Y %H:%M:%S} GMT\r\n", response.status,
                 std::string_view{reason.data(), reason.size()}, fmt::gmtime(std::time(nullptr)));
  if (may_have_body(response.status)) {
    if (!response.content_type.empty())
      fmt::format_to(to, "Content-Type: {}\r\n", response.content_type);
    fmt::format_to(to, "Content-Length: {}\r\n", response.body.size());
  }
  for (auto& [name, value] : response.headers)
    fmt::format_to(to, "{}: {}\r\n", name, value);
  fmt::format_to(to, "Connection: {}\r\n\r\n", keep_open ? "keep-alive" : "close");
  return fmt::to_string(out);
}

} // namespace dbs::http_internal
