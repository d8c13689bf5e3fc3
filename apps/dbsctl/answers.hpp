// What becomes of a node's answer: on the terminal, and as an exit code.
#pragma once

#include "options.hpp"

#include <caf/error.hpp>
#include <caf/expected.hpp>

#include <nlohmann/json.hpp>

#include <string>

namespace dbs::ctl {

/// JSON in ASCII: nothing in it can command a terminal.
std::string dump(const nlohmann::json& body);

/// As JSON, if that is wished, or for people.
void print(const options& how, const nlohmann::json& body);

/// On standard error, with the program's name.
void say(const std::string& sentence);

/// There is no answer. Says why, and returns the exit code.
int complain(const caf::error& reason);

/// The node refused: its error is what the user needs to see.
int complain(const options& how, const node_answer& answer);

/// Prints the answer, or complains.
int finish(const options& how, const caf::expected<node_answer>& answer);

} // namespace dbs::ctl
