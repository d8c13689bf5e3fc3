#include "dbs/runtime/observe/mask.hpp"

#include "dbs/config/secret_name.hpp"

#include <algorithm>

namespace dbs::observe {

namespace {

// -- URLs --------------------------------------------------------------------------

/// The arguments behind the '?' of a URL, with that.
std::string mask_arguments(std::string_view text) {
  std::string result;
  while (!text.empty()) {
    auto end = std::min(text.find_first_of("&;", 1), text.size());
    auto argument = text.substr(0, end);
    auto equals = argument.find('=');
    // A name with an escape in it may be anything.
    auto name = argument.substr(0, equals);
    auto secret = is_secret_name(name) || name.find('%') != std::string_view::npos;
    if (equals != std::string_view::npos && secret)
      result += std::string{name} + "=***";
    else
      result += argument;
    text.remove_prefix(end);
  }
  return result;
}

/// What follows "://", up to the end of the word.
std::string mask_url_word(std::string_view word) {
  std::string result;
  auto at = word.rfind('@');
  if (at != std::string_view::npos) {
    result = "***@";
    // A '?' before it: the '@' may be part of an argument, whose rest goes with it.
    auto is_argument = word.substr(0, at).find('?') != std::string_view::npos;
    word.remove_prefix(is_argument ? std::min(word.find('&', at), word.size()) : at + 1);
    if (is_argument)
      return result + "***" + mask_arguments(word);
  }
  auto query = std::min(word.find('?'), word.size());
  return result + std::string{word.substr(0, query)} + mask_arguments(word.substr(query));
}

// -- SQL ---------------------------------------------------------------------------

constexpr size_t max_sql_bytes = 4096;

bool begins_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
         (static_cast<unsigned char>(c) & 0x80U) != 0;
}

bool continues_word(char c) {
  return begins_word(c) || (c >= '0' && c <= '9');
}

/// Walks over a statement as PostgreSQL's lexer does (src/backend/parser/scan.l), as
/// far as it takes to tell literals from the rest.
class sql_masker {
public:
  explicit sql_masker(std::string_view sql) : sql_(sql) {}

  std::string run() {
    while (pos_ < sql_.size()) {
      auto rest = sql_.substr(pos_);
      if (rest.front() == '\'')
        replace(literal_end(false), "'***'");
      else if (rest.front() == '$')
        dollar();
      else if (rest.front() == '"')
        keep(end_of("\"", pos_ + 1));
      else if (rest.starts_with("--"))
        keep(end_of("\n", pos_));
      else if (rest.starts_with("/*"))
        keep(comment_end());
      else if (begins_word(rest.front()))
        word();
      else
        keep(pos_ + 1);
    }
    return std::move(result_);
  }

private:
  void keep(size_t end) {
    result_ += sql_.substr(pos_, end - pos_);
    pos_ = end;
  }

  void replace(size_t end, std::string_view with) {
    result_ += with;
    pos_ = end;
  }

  /// Behind the next `what`, or the end of the text.
  size_t end_of(std::string_view what, size_t from) const {
    auto found = sql_.find(what, from);
    return found != std::string_view::npos ? found + what.size() : sql_.size();
  }

  /// Behind the literal at `pos_`. Without `escapes` a backslash is nothing special,
  /// unless standard_conforming_strings is off: whether a quote behind it ends the
  /// literal cannot be known here.
  size_t literal_end(bool escapes) const {
    auto at = [this](size_t i) { return i < sql_.size() ? sql_[i] : '\0'; };
    for (auto i = pos_ + 1; i < sql_.size(); ++i) {
      auto is_pair = at(i) == '\\' ? escapes : at(i) == '\'' && at(i + 1) == '\'';
      if (is_pair)
        ++i;
      else if (at(i) == '\'')
        return i + 1;
      else if (at(i) == '\\' && at(i + 1) == '\'')
        break;
    }
    return sql_.size();
  }

  size_t comment_end() const {
    size_t depth = 0;
    for (auto i = pos_; i + 1 < sql_.size(); ++i) {
      auto two = sql_.substr(i, 2);
      if (two != "/*" && two != "*/")
        continue;
      depth = two == "/*" ? depth + 1 : depth - 1;
      ++i;
      if (depth == 0)
        return i + 1;
    }
    return sql_.size();
  }

  /// `$tag$ ... $tag$`, or a parameter such as `$1`.
  void dollar() {
    auto end = pos_ + 1;
    if (end < sql_.size() && begins_word(sql_[end]))
      while (end < sql_.size() && continues_word(sql_[end]))
        ++end;
    if (end == sql_.size() || sql_[end] != '$') {
      keep(end);
      return;
    }
    auto tag = sql_.substr(pos_, end + 1 - pos_);
    replace(end_of(tag, end + 1), std::string{tag} + "***" + std::string{tag});
  }

  /// A dollar inside a word quotes nothing.
  void word() {
    auto end = pos_;
    while (end < sql_.size() && (continues_word(sql_[end]) || sql_[end] == '$'))
      ++end;
    auto escapes = end - pos_ == 1 && (sql_[pos_] == 'e' || sql_[pos_] == 'E') &&
                   end < sql_.size() && sql_[end] == '\'';
    keep(end);
    if (escapes)
      replace(literal_end(true), "'***'");
  }

  std::string_view sql_;
  size_t pos_ = 0;
  std::string result_;
};

} // namespace

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
    result += mask_url_word(text.substr(begin, end - begin));
    done = end;
  }
  result += text.substr(done);
  return result;
}

std::string mask_sql(std::string_view sql) {
  return sql_masker{sql.substr(0, max_sql_bytes)}.run();
}

} // namespace dbs::observe
