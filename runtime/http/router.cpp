#include "dbs/runtime/http/router.hpp"

#include "dbs/messages/error_detail.hpp"
#include "dbs/runtime/http/target.hpp"

#include <algorithm>
#include <array>
#include <set>
#include <string_view>
#include <utility>

namespace dbs {

namespace {

constexpr std::array<std::string_view, 5> methods{{"GET", "POST", "PUT", "PATCH", "DELETE"}};

bool is_param(std::string_view segment) {
  return segment.size() > 2 && segment.front() == '{' && segment.back() == '}';
}

} // namespace

caf::error http_router::add(const std::string& method, const std::string& pattern,
                            http_handler handler) {
  auto refuse = [&](const std::string& why) {
    return fail(errc::invalid_argument, "route '" + method + " " + pattern + "' " + why);
  };
  auto target = parse_target(pattern);
  if (std::find(methods.begin(), methods.end(), method) == methods.end() || !target ||
      !target->query.empty() || !handler)
    return refuse("is malformed");
  route fresh{method, std::move(target->segments), false, std::move(handler)};
  fresh.has_param = is_param(fresh.segments.back());
  if (fresh.has_param)
    fresh.segments.pop_back();
  if (std::any_of(fresh.segments.begin(), fresh.segments.end(), is_param))
    return refuse("has a parameter that is not its last segment");
  auto taken = [&fresh](const route& known) {
    return known.method == fresh.method && known.segments == fresh.segments &&
           known.has_param == fresh.has_param;
  };
  if (std::any_of(routes_.begin(), routes_.end(), taken))
    return refuse("exists already");
  // Exact routes first: the first match wins.
  auto where = fresh.has_param ? routes_.end()
                               : std::find_if(routes_.begin(), routes_.end(),
                                              [](const route& known) { return known.has_param; });
  routes_.insert(where, std::move(fresh));
  return {};
}

bool http_router::matches(const route& candidate, const http_request& request) {
  auto& want = candidate.segments;
  auto& got = request.segments;
  if (got.size() != want.size() + (candidate.has_param ? 1 : 0) ||
      !std::equal(want.begin(), want.end(), got.begin()))
    return false;
  return !candidate.has_param || !got.back().empty();
}

void http_router::operator()(http_request request, http_responder responder) const {
  auto method = std::string_view{request.method};
  if (method == "HEAD")
    method = "GET";
  std::set<std::string> allowed;
  for (auto& candidate : routes_) {
    if (!matches(candidate, request))
      continue;
    if (candidate.method == method) {
      if (candidate.has_param)
        request.param = request.segments.back();
      candidate.handler(std::move(request), std::move(responder));
      return;
    }
    allowed.insert(candidate.method);
    if (candidate.method == "GET")
      allowed.insert("HEAD");
  }
  if (allowed.empty()) {
    responder.answer(http_error(404, "not_found", "there is nothing at " + request.path));
    return;
  }
  std::string allow;
  for (auto& name : allowed)
    allow += (allow.empty() ? "" : ", ") + name;
  responder.answer(http_error(405, "method_not_allowed",
                              request.path + " does not take " + request.method,
                              {{"Allow", allow}}));
}

} // namespace dbs
