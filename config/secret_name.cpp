#include "dbs/config/secret_name.hpp"

#include <algorithm>
#include <array>

namespace dbs {

namespace {

constexpr std::array<std::string_view, 6> secret_words{
    {"password", "passwd", "secret", "token", "key", "credential"}};

char to_lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

/// Where the word that begins the text ends: at a space that no backslash escapes.
size_t word_end(std::string_view text) {
  size_t i = 0;
  while (i < text.size() && text[i] != ' ')
    i += text[i] == '\\' ? 2 : 1;
  return std::min(i, text.size());
}

} // namespace

bool is_secret_name(std::string_view name) {
  std::string lower{name};
  std::transform(lower.begin(), lower.end(), lower.begin(), to_lower);
  return std::any_of(secret_words.begin(), secret_words.end(),
                     [&lower](auto word) { return lower.find(word) != std::string::npos; });
}

std::string mask_options(std::string_view options) {
  std::string result;
  while (!options.empty()) {
    auto word = options.substr(0, word_end(options));
    auto equals = word.find('=');
    if (equals != std::string_view::npos && is_secret_name(word.substr(0, equals)))
      result += std::string{word.substr(0, equals)} + "=***";
    else
      result += word;
    options.remove_prefix(word.size());
    if (!options.empty()) {
      result += ' ';
      options.remove_prefix(1);
    }
  }
  return result;
}

} // namespace dbs
