// A string that does not print itself.
#pragma once

#include <string>
#include <utility>

namespace dbs {

/// Holds a password. There is no stream operator, no formatter and no conversion:
/// whoever needs the text says `reveal()`, which is easy to search for.
class secret {
public:
  secret() = default;
  explicit secret(std::string text) : text_(std::move(text)) {}

  const std::string& reveal() const noexcept { return text_; }

  bool empty() const noexcept { return text_.empty(); }

  /// What logs, errors and `config show` print: "***", or nothing when unset.
  std::string masked() const { return text_.empty() ? "" : "***"; }

  friend bool operator==(const secret&, const secret&) = default;

private:
  std::string text_;
};

} // namespace dbs
