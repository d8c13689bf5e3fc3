// Who asks a level of the cache, in tests.
#pragma once

#include "dbs/messages/error_detail.hpp"
#include "dbs/runtime/cache/cache_level.hpp"

#include <functional>
#include <map>
#include <string>

namespace dbs::test {

/// Writes answers down as texts: "tombstone 1.2", "value 1.2 hello", "nothing", "1.2 done had",
/// or the name of the error.
struct heard_answers : cache::level_sink {
  static std::string text_of(const cache::version& x) {
    return std::to_string(x.epoch) + "." + std::to_string(x.sequence);
  }

  static std::string text_of(const std::optional<cache::stored_value>& x) {
    if (!x)
      return "nothing";
    auto vers = text_of(x->vers);
    switch (x->kind) {
    case cache::stored_kind::value:
      return "value " + vers + " " + std::string{x->value.view()};
    case cache::stored_kind::negative:
      return "negative " + vers;
    default:
      return "tombstone " + vers;
    }
  }

  static std::string text_of(const caf::error& x) { return to_string(static_cast<errc>(x.code())); }

  static std::string answer_of(const caf::expected<std::optional<cache::stored_value>>& found) {
    return found ? text_of(*found) : text_of(found.error());
  }

  static std::string
  answer_of(const caf::expected<std::vector<std::optional<cache::stored_value>>>& found) {
    if (!found)
      return text_of(found.error());
    std::string result;
    for (auto& x : *found)
      result += (result.empty() ? "" : ", ") + text_of(x);
    return result;
  }

  static std::string answer_of(const caf::expected<cache::level_write>& what) {
    if (!what)
      return text_of(what.error());
    return text_of(what->vers) + (what->done ? " done" : " refused") +
           (what->had_value ? " had" : "");
  }

  static std::string answer_of(const caf::expected<void>& what) {
    return what ? "erased" : text_of(what.error());
  }

  void on_value(cache::level_token token,
                caf::expected<std::optional<cache::stored_value>> found) override {
    hear(token, answer_of(found));
  }

  void on_values(cache::level_token token,
                 caf::expected<std::vector<std::optional<cache::stored_value>>> found) override {
    hear(token, answer_of(found));
  }

  void on_written(cache::level_token token, caf::expected<cache::level_write> what) override {
    hear(token, answer_of(what));
  }

  void on_erased(cache::level_token token, caf::expected<void> what) override {
    hear(token, answer_of(what));
  }

  /// The answer; "no answer" if there is none.
  std::string operator[](cache::level_token token) const {
    auto i = answers.find(token);
    return i != answers.end() ? i->second : "no answer";
  }

  void hear(cache::level_token token, const std::string& what) {
    twice += answers.emplace(token, what).second ? 0 : 1;
    if (then)
      then(token);
  }

  std::map<cache::level_token, std::string> answers;
  /// Answers that came once too often.
  size_t twice = 0;
  std::function<void(cache::level_token)> then;
};

} // namespace dbs::test
