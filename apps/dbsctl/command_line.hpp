// Parts of dbsctl's command line.
#pragma once

#include "options.hpp"

#include <CLI/CLI.hpp>

#include <functional>
#include <string>
#include <utility>

namespace dbs::ctl {

/// What is to be done, once the command line has been read.
using action = std::function<int()>;

/// A command that sets `chosen` to `what` if it is the one.
inline CLI::App* add_command(CLI::App& parent, action& chosen, const char* name, const char* text,
                             action what) {
  auto* result = parent.add_subcommand(name, text);
  result->final_callback([&chosen, what = std::move(what)] { chosen = what; });
  return result;
}

/// For options that are durations: what is wrong, or nothing.
std::string check_duration(const std::string& text);

/// `cache ...`; `how` and `chosen` must live as long as `app`.
void add_cache_commands(CLI::App& app, const options& how, action& chosen);

/// `preflight` and `baseline`, likewise.
void add_checks(CLI::App& app, const options& how, action& chosen);

} // namespace dbs::ctl
