#include "cache_commands.hpp"

#include "answers.hpp"
#include "exit_codes.hpp"
#include "terminal.hpp"
#include "url_path.hpp"

#include "dbs/messages/base64.hpp"
#include "dbs/messages/blob.hpp"
#include "dbs/messages/error_detail.hpp"
#include "dbs/messages/utf8.hpp"

#include <fmt/core.h>

#include <unistd.h>

#include <array>
#include <cstdio>

namespace dbs::ctl {

namespace {

/// Asks the node, which keeps to the time that the user has given.
caf::expected<node_answer> post(const options& how, const char* target, nlohmann::json body) {
  body["timeout_ms"] = how.timeout_ms;
  return how.node().post(target, body, how.timeout() + node_grace);
}

/// All of standard input. Nobody accepts more than `blob::max_size`.
caf::expected<std::string> read_input() {
  std::string result;
  std::array<char, 65536> some;
  while (auto size = std::fread(some.data(), 1, some.size(), stdin)) {
    result.append(some.data(), size);
    if (result.size() > blob::max_size)
      return fail(errc::payload_too_large,
                  "the value is larger than " + std::to_string(blob::max_size) + " bytes");
  }
  if (std::ferror(stdin) != 0)
    return fail(errc::invalid_argument, "standard input cannot be read");
  return result;
}

caf::expected<std::string> value_of(const nlohmann::json& entry) {
  if (entry.contains("value"))
    return entry["value"].get<std::string>();
  if (auto bytes = from_base64(entry.value("value_base64", "?")))
    return std::move(*bytes);
  return fail(errc::protocol_error, "the node has answered without a value");
}

void write_value(const std::string& value) {
  if (::isatty(STDOUT_FILENO) == 1)
    fmt::print("{}\n", printable(value));
  else
    std::fwrite(value.data(), 1, value.size(), stdout);
}

} // namespace

int get_entry(const options& how, const std::string& key, bool load) {
  auto target =
      fmt::format("/v1/cache/entry?key={}&timeout_ms={}", encode_segment(key), how.timeout_ms);
  if (load)
    target += "&load=true";
  auto answer = how.node().get(target, how.timeout() + node_grace);
  if (!answer || !answer->ok())
    return finish(how, answer);
  auto found = answer->body.value("found", false);
  if (how.json) {
    print(how, answer->body);
    return found ? ok : failed_check;
  }
  if (!found) {
    say("there is nothing at '" + key + "'");
    return failed_check;
  }
  auto value = value_of(answer->body);
  if (!value)
    return complain(value.error());
  write_value(*value);
  return ok;
}

int set_entry(const options& how, const new_entry& what) {
  auto value = what.value == "-" ? read_input() : caf::expected<std::string>{what.value};
  if (!value)
    return complain(value.error());
  nlohmann::json body{{"key", what.key}, {"tags", what.tags}, {"reach", what.reach}};
  if (is_utf8(*value))
    body["value"] = std::move(*value);
  else
    body["value_base64"] = to_base64(*value);
  if (what.ttl)
    body["ttl_ms"] = std::chrono::duration_cast<std::chrono::milliseconds>(*what.ttl).count();
  return finish(how, post(how, "/v1/cache/set", std::move(body)));
}

int delete_entry(const options& how, const std::string& key) {
  return finish(how, post(how, "/v1/cache/delete", {{"key", key}}));
}

int invalidate_entries(const options& how, const invalidation& what) {
  nlohmann::json body;
  if (what.prefix)
    body["prefix"] = *what.prefix;
  else if (what.tag)
    body["tag"] = *what.tag;
  else
    body["keys"] = what.keys;
  return finish(how, post(how, "/v1/cache/invalidate", std::move(body)));
}

int resize_l1(const options& how, uint64_t entries) {
  return finish(how, how.node().post("/v1/cache/resize-l1", {{"entries", entries}}, how.timeout()));
}

int optimize_l2(const options& how) {
  return finish(how,
                how.node().post("/v1/cache/optimize-l2", nlohmann::json::object(), how.timeout()));
}

} // namespace dbs::ctl
