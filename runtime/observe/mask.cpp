#include "dbs/runtime/observe/mask.hpp"

#include <algorithm>
#include <array>

namespace dbs::observe {

namespace {

constexpr std::array<std::string_view, 6> secret_words{
    {"password", "passwd", "secret", "token", "key", "credential"}};

char to_lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

} // namespace

bool is_secret_name(std::string_view name) {
  std::string lower{name};
  std::transform(lower.begin(), lower.end(), lower.begin(), to_lower);
  return std::any_of(secret_words.begin(), secret_words.end(),
                     [&lower](auto word) { return lower.find(word) != std::string::npos; });
}

std::string mask_urls(std::string_view text) {
  constexpr std::string_view separator = "://";
  constexpr std::string_view word_ends = " \t\r\n\"'<>`";
  std::string result;
  size_t done = 0;
  for (;;) {
    auto pos = text.find(separator, done);
    if (pos == std::string_view::npos)
      break;
    auto begin = pos + separator.size();
    auto end = std::min(text.find_first_of(word_ends, begin), text.size());
    result += text.substr(done, begin - done);
    auto word = text.substr(begin, end - begin);
    auto at = word.rfind('@');
    if (at != std::string_view::npos) {
      result += "***";
      word.remove_prefix(at);
    }
    result += word;
    done = end;
  }
  result += text.substr(done);
  return result;
}

} // namespace dbs::observe
