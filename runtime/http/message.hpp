// Requests, responses, and the promise to answer.
#pragma once

#include <caf/timespan.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dbs {

using http_fields = std::vector<std::pair<std::string, std::string>>;

/// One request, complete with its body.
struct http_request {
  /// "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE" or "OPTIONS".
  std::string method;
  /// The path as it was sent: still percent-encoded, without the query.
  std::string path;
  /// The path's parts between slashes, decoded: "/a/b%2Fc" has "a" and "b/c".
  std::vector<std::string> segments;
  /// The parameters behind the question mark, decoded, in order; a plus sign is a
  /// blank there, as in HTML forms.
  http_fields query;
  /// Names in lower case.
  http_fields headers;
  std::string body;
  /// The decoded path segment that stands for {param} in the route.
  std::string param;
  /// True if the client came through a Unix socket, so that it runs as our own
  /// user or as root.
  bool over_unix_socket = false;

  /// The first value of a query parameter.
  std::optional<std::string_view> query_value(std::string_view name) const;

  /// The first value of a header, whose name is given in lower case; else empty.
  std::string_view header(std::string_view name) const;
};

struct http_response {
  unsigned status = 200;
  std::string content_type = "application/json";
  std::string body;
  /// Further headers. Content-Length, Connection and Date are the server's.
  http_fields headers = {};
};

/// The answer to a failed request: {"error": code, "message": message}.
http_response http_error(unsigned status, std::string_view code, std::string_view message,
                         http_fields headers = {});

/// The promise to answer one request, once, now or later. Copies share it; the
/// first answer counts. If the last copy goes without an answer, the client gets
/// 500; if the client has left, an answer goes nowhere. To be used, and destroyed,
/// on the thread of the server's loop.
class http_responder {
public:
  /// @param deliver is called at most once.
  /// @param grant bounds, from now on, how long the answer may take.
  explicit http_responder(std::function<void(http_response)> deliver,
                          std::function<void(caf::timespan)> grant = nullptr);

  void answer(http_response response) const;

  /// Gives this request `limit` from now on instead of the server's
  /// `answer_timeout`. Nothing happens once it is answered.
  void answer_within(caf::timespan limit) const;

  bool answered() const noexcept;

private:
  struct state;
  std::shared_ptr<state> state_;
};

/// Handles a request on the thread of the server's loop. Must not block. An
/// exception that leaves it answers 500.
using http_handler = std::function<void(http_request, http_responder)>;

} // namespace dbs
