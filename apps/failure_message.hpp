// What the programs print when their command line is wrong.
#pragma once

#include "dbs/config/url_mask.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <string>

namespace dbs {

/// For `CLI::App::failure_message`. CLI11 quotes what it refuses, which may be a URL that
/// was put in the wrong place: arguments that nobody asked for are counted, and shown
/// only if they are the name of an option; a value that may hold a password is left out.
inline std::string failure_message(const CLI::App* app, const CLI::Error& problem) {
  std::string what = problem.what();
  if (problem.get_exit_code() == static_cast<int>(CLI::ExitCodes::ExtrasError)) {
    auto stray = app->remaining(true);
    what = stray.size() == 1 ? "One argument was not expected"
                             : std::to_string(stray.size()) + " arguments were not expected";
    std::string names;
    auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || c == '-'; };
    for (auto& x : stray)
      if (x.starts_with("--") && std::all_of(x.begin(), x.end(), is_letter))
        names += (names.empty() ? ": " : ", ") + x;
    what += names;
  } else if (may_hold_password(what)) {
    what =
        "An argument has a value that is not allowed; it may hold a password, so it is not shown";
  }
  return CLI::FailureMessage::simple(app, {problem.get_name(), what, problem.get_exit_code()});
}

} // namespace dbs
