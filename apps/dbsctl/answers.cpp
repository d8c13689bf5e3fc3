#include "answers.hpp"

#include "exit_codes.hpp"
#include "render.hpp"
#include "terminal.hpp"

#include "dbs/messages/error_detail.hpp"

#include <fmt/core.h>

#include <cstdio>

namespace dbs::ctl {

std::string dump(const nlohmann::json& body) {
  return body.dump(2, ' ', true) + "\n";
}

void print(const options& how, const nlohmann::json& body) {
  fmt::print("{}", how.json ? dump(body) : render(body));
}

void say(const std::string& sentence) {
  fmt::print(stderr, "dbsctl: {}\n", printable(sentence));
}

int complain(const caf::error& reason) {
  say(describe(reason));
  if (reason == errc::in_doubt)
    return in_doubt;
  return reason == errc::peer_unavailable || reason == errc::forbidden ? cannot_reach
                                                                       : failed_check;
}

int complain(const options& how, const node_answer& answer) {
  if (how.json)
    fmt::print("{}", dump(answer.body));
  auto text = [&answer](const char* key, const char* otherwise) {
    auto found = answer.body.find(key);
    return found != answer.body.end() && found->is_string() ? found->get<std::string>()
                                                            : std::string{otherwise};
  };
  auto sqlstate = text("sqlstate", "");
  say(text("error", "error") + ": " + text("message", "the node refused") +
      (sqlstate.empty() ? "" : " [" + sqlstate + "]"));
  return refused;
}

int finish(const options& how, const caf::expected<node_answer>& answer) {
  if (!answer)
    return complain(answer.error());
  if (!answer->ok())
    return complain(how, *answer);
  print(how, answer->body);
  return ok;
}

} // namespace dbs::ctl
