#include "dbs/runtime/postgres/connection.hpp"

#include "dbs/messages/error_detail.hpp"

#include <algorithm>

namespace dbs::postgres {

void connection_observer::on_notification(connection&, std::string_view, std::string_view, int) {
  // nobody listens on the pool's connections
}

bool is_stale_plan(const caf::error& err) {
  if (err != errc::query_failed)
    return false;
  auto info = detail(err);
  // feature_not_supported stands for much; the message is localised, the name of
  // the server's function is not.
  return info.sqlstate == "0A000" &&
         std::any_of(info.fields.begin(), info.fields.end(), [](const field& x) {
           return x.name == "routine" &&
                  x.value == field::value_type{std::string{"RevalidateCachedQuery"}};
         });
}

bool is_lost_statement(const caf::error& err) {
  if (err != errc::query_failed)
    return false;
  auto info = detail(err);
  return std::any_of(info.fields.begin(), info.fields.end(),
                     [](const field& x) { return x.name == "lost_statement"; });
}

} // namespace dbs::postgres
