// Finds the handler of a request by method and path.
//
//   http_router routes;
//   routes.add("GET", "/v1/health", ...);
//   routes.add("DELETE", "/v1/locks/{lease}", ...);   // request.param is the lease
//   http_server server{io, timers, options, std::move(routes)};
#pragma once

#include "dbs/runtime/http/message.hpp"

#include <caf/error.hpp>

#include <string>
#include <vector>

namespace dbs {

/// A route is an exact path, whose last segment may be a {name} that stands for
/// any one segment that is not empty; exact routes are preferred. A path that is
/// unknown is answered with 404, a method that is with 405 and `Allow`. HEAD is
/// answered by GET's handler; the server leaves out the body.
class http_router {
public:
  /// `invalid_argument` if the route is malformed or taken.
  caf::error add(const std::string& method, const std::string& pattern, http_handler handler);

  void operator()(http_request request, http_responder responder) const;

private:
  struct route {
    std::string method;
    std::vector<std::string> segments;
    bool has_param = false;
    http_handler handler;
  };

  static bool matches(const route& candidate, const http_request& request);

  std::vector<route> routes_;
};

} // namespace dbs
