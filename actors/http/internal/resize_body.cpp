#include "dbs/actors/http/internal/resize_body.hpp"

#include "dbs/actors/http/internal/json_body.hpp"
#include "dbs/messages/error_detail.hpp"

namespace dbs::internal {

caf::expected<resize_body> parse_resize_body(const std::string& body) {
  auto object = parse_body(body, {"what", "size", "pool"});
  if (!object)
    return std::move(object.error());
  auto what = object->find("what");
  if (what == object->end() || !what->is_string())
    return fail(errc::invalid_argument, "'what' must be a string");
  auto size = object->find("size");
  if (size == object->end() || !size->is_number_integer())
    return fail(errc::invalid_argument, "'size' must be an integer");
  resize_body result{{}, {what->get<std::string>(), size->get<int64_t>()}};
  if (auto problem = take_pool(*object, result.pool))
    return problem;
  return result;
}

} // namespace dbs::internal
