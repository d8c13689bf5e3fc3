#include "dbs/runtime/http/message.hpp"

#include <nlohmann/json.hpp>

namespace dbs {

std::optional<std::string_view> http_request::query_value(std::string_view name) const {
  for (auto& [key, value] : query)
    if (key == name)
      return value;
  return std::nullopt;
}

std::string_view http_request::header(std::string_view name) const {
  for (auto& [key, value] : headers)
    if (key == name)
      return value;
  return {};
}

http_response http_error(unsigned status, std::string_view code, std::string_view message,
                         http_fields headers) {
  nlohmann::json body{{"error", code}, {"message", message}};
  // Messages may quote what the client sent.
  auto text = body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  return {status, "application/json", text + "\n", std::move(headers)};
}

struct http_responder::state {
  state(std::function<void(http_response)> deliver_fn, std::function<void(caf::timespan)> grant_fn)
      : deliver(std::move(deliver_fn)), grant(std::move(grant_fn)) {}
  state(const state&) = delete;
  state& operator=(const state&) = delete;

  ~state() {
    if (deliver)
      deliver(http_error(500, "internal", "the request was not answered"));
  }

  std::function<void(http_response)> deliver;
  std::function<void(caf::timespan)> grant;
};

http_responder::http_responder(std::function<void(http_response)> deliver,
                               std::function<void(caf::timespan)> grant)
    : state_(std::make_shared<state>(std::move(deliver), std::move(grant))) {}

void http_responder::answer(http_response response) const {
  if (auto deliver = std::exchange(state_->deliver, nullptr))
    deliver(std::move(response));
}

void http_responder::answer_within(caf::timespan limit) const {
  if (state_->deliver && state_->grant)
    state_->grant(limit);
}

bool http_responder::answered() const noexcept {
  return state_->deliver == nullptr;
}

} // namespace dbs
