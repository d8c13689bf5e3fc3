#include "dbs/runtime/http/target.hpp"

#include <algorithm>
#include <utility>

namespace dbs {

namespace {

constexpr size_t max_parts = 64;

int hex_digit(char c) {
  if (c >= '0' && c <= '9')
    return c - '0';
  if (c >= 'a' && c <= 'f')
    return c - 'a' + 10;
  if (c >= 'A' && c <= 'F')
    return c - 'A' + 10;
  return -1;
}

bool has_control(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) {
    auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7f;
  });
}

/// Calls `fn` with every part between separators; false as soon as one call is
/// false or there are too many parts.
template <class F>
bool each_part(std::string_view text, char separator, F&& fn) {
  for (size_t n = 0; n < max_parts; ++n) {
    auto end = text.find(separator);
    if (!fn(text.substr(0, end)))
      return false;
    if (end == std::string_view::npos)
      return true;
    text.remove_prefix(end + 1);
  }
  return false;
}

/// Turns the absolute form into the origin form.
std::string_view without_authority(std::string_view target) {
  constexpr std::string_view scheme = "http://";
  if (!target.starts_with(scheme))
    return target;
  auto path = target.find_first_of("/?", scheme.size());
  return path == std::string_view::npos ? "/" : target.substr(path);
}

} // namespace

std::optional<std::string> percent_decode(std::string_view text, bool plus_is_blank) {
  std::string result;
  result.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%') {
      auto high = i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
      auto low = i + 2 < text.size() ? hex_digit(text[i + 2]) : -1;
      if (high < 0 || low < 0)
        return std::nullopt;
      result += static_cast<char>(high * 16 + low);
      i += 2;
    } else {
      result += text[i] == '+' && plus_is_blank ? ' ' : text[i];
    }
  }
  return result;
}

std::optional<http_target> parse_target(std::string_view target) {
  target = without_authority(target);
  if (!target.starts_with('/'))
    return std::nullopt;
  auto question = target.find('?');
  auto path = target.substr(0, question);
  http_target result;
  result.path = path;
  auto add_segment = [&result](std::string_view part) {
    auto decoded = percent_decode(part);
    if (!decoded || has_control(*decoded))
      return false;
    result.segments.push_back(std::move(*decoded));
    return true;
  };
  if (!each_part(path.substr(1), '/', add_segment))
    return std::nullopt;
  if (question == std::string_view::npos)
    return result;
  auto add_parameter = [&result](std::string_view part) {
    if (part.empty())
      return true;
    auto equals = part.find('=');
    auto name = percent_decode(part.substr(0, equals), true);
    auto value = equals == std::string_view::npos ? std::string{}
                                                  : percent_decode(part.substr(equals + 1), true);
    if (!name || !value || name->find('\0') != std::string::npos ||
        value->find('\0') != std::string::npos)
      return false;
    result.query.emplace_back(std::move(*name), std::move(*value));
    return true;
  };
  if (!each_part(target.substr(question + 1), '&', add_parameter))
    return std::nullopt;
  return result;
}

} // namespace dbs
