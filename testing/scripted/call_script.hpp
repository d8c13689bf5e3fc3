// What a scripted peer expects, what it saw, and what was wrong with that.
#pragma once

#include "dbs/testing/scripted/scripted_answer.hpp"

#include <list>
#include <optional>
#include <string>
#include <vector>

namespace dbs::testing {

/// Calls are text for people, such as "execute select 1": two calls are the same if
/// they read the same.
class call_script {
public:
  /// Expects this call once. The reference stays valid until the call comes.
  scripted_answer& expect(std::string call);

  /// Takes the first expectation of this call, if there is one.
  std::optional<scripted_answer> take(const std::string& call);

  /// Adds a line to the journal.
  void note(std::string line) { journal_.push_back(std::move(line)); }

  /// Remembers a call that should not have come; returns what is wrong, for the
  /// caller.
  std::string refuse(const std::string& call);

  const std::vector<std::string>& journal() const noexcept { return journal_; }

  /// Throws `std::logic_error` with a line for every call that was refused and for
  /// every one that did not come, if there are any.
  void verify() const;

private:
  struct expectation {
    std::string call;
    scripted_answer answer;
  };

  std::string expected_calls() const;

  std::list<expectation> expected_;
  std::vector<std::string> journal_;
  std::vector<std::string> refused_;
};

} // namespace dbs::testing
