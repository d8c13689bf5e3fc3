// Answers of the cache, of which memory has given a part, or all, already.
#pragma once

#include "dbs/actors/client/pending_request.hpp"
#include "dbs/messages/cache/cache.hpp"
#include "dbs/runtime/cache/cache_memory.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace dbs::internal {

/// A value that is here, or on its way.
template <class Pending>
class [[nodiscard]] value_answer {
public:
  explicit value_answer(cache_value here) : what_(std::move(here)) {}
  explicit value_answer(Pending pending) : what_(std::move(pending)) {}

  /// Runs one of the two in the actor that asked, exactly once: at once if the value is here.
  template <class OnValue, class OnError>
  void then(OnValue on_value, OnError on_error) && {
    if (auto* here = std::get_if<cache_value>(&what_))
      return on_value(*here);
    std::get<Pending>(std::move(what_))
        .then([on_value = std::move(on_value)](cache_value& x) mutable { on_value(x); },
              std::move(on_error));
  }

private:
  std::variant<cache_value, Pending> what_;
};

/// The same, of which only the fact counts.
template <class Answer>
class [[nodiscard]] existence_answer {
public:
  explicit existence_answer(Answer answer) : answer_(std::move(answer)) {}

  template <class OnValue, class OnError>
  void then(OnValue on_value, OnError on_error) && {
    std::move(answer_).then(
        [on_value = std::move(on_value)](const cache_value& x) mutable { on_value(x.found); },
        std::move(on_error));
  }

private:
  Answer answer_;
};

/// Values of many keys, some of which may have to be asked for.
class found_values {
public:
  /// Leaves in `keys` those that memory does not have.
  found_values(cache::cache_memory& memory, std::vector<std::string>& keys) : all_(keys.size()) {
    for (size_t i = 0; i < keys.size(); ++i) {
      if (auto here = memory.look_up(keys[i])) {
        all_[i] = std::move(*here);
      } else {
        // Not onto itself, which would leave it empty.
        if (missing_.size() != i)
          keys[missing_.size()] = std::move(keys[i]);
        missing_.push_back(i);
      }
    }
    keys.resize(missing_.size());
  }

  bool complete() const noexcept { return missing_.empty(); }

  std::vector<cache_value>& all() noexcept { return all_; }

  void add(std::vector<cache_value>& rest) {
    for (size_t i = 0; i < missing_.size() && i < rest.size(); ++i)
      all_[missing_[i]] = std::move(rest[i]);
  }

private:
  std::vector<cache_value> all_;
  std::vector<size_t> missing_;
};

template <class Pending>
class [[nodiscard]] values_answer {
public:
  explicit values_answer(found_values found) : found_(std::move(found)) {}
  values_answer(found_values found, Pending rest)
      : found_(std::move(found)), rest_(std::move(rest)) {}

  /// As that of `value_answer`.
  template <class OnValue, class OnError>
  void then(OnValue on_value, OnError on_error) && {
    if (!rest_)
      return on_value(found_.all());
    std::move(*rest_).then(
        [on_value = std::move(on_value),
         found = std::move(found_)](std::vector<cache_value>& rest) mutable {
          found.add(rest);
          on_value(found.all());
        },
        std::move(on_error));
  }

private:
  found_values found_;
  std::optional<Pending> rest_;
};

} // namespace dbs::internal
