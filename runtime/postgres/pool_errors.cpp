#include "dbs/runtime/postgres/pool_errors.hpp"

#include <chrono>
#include <utility>

namespace dbs::postgres {

bool depends_on_situation(const caf::error& err) {
  return is(err, errc::pool_exhausted) || is(err, errc::overloaded) ||
         is(err, errc::deadline_exceeded) || is(err, errc::connection_lost) ||
         is(err, errc::in_doubt) || is(err, errc::draining);
}

caf::error with_situation(const caf::error& err, const pool_situation& situation) {
  auto info = detail(err);
  auto& fields = info.fields;
  fields.push_back({"size", int64_t{situation.size}});
  fields.push_back({"max_overflow", int64_t{situation.max_overflow}});
  fields.push_back({"in_use", int64_t{situation.in_use}});
  fields.push_back({"waiting", static_cast<int64_t>(situation.waiting)});
  if (situation.oldest) {
    using std::chrono::milliseconds;
    auto age = std::chrono::duration_cast<milliseconds>(situation.oldest->age);
    fields.push_back({"oldest_holder", static_cast<int64_t>(situation.oldest->owner)});
    fields.push_back({"oldest_holder_age_ms", static_cast<int64_t>(age.count())});
  }
  if (!situation.last_connect_error.empty()) {
    info.what += "; the last connect failed: " + situation.last_connect_error;
    fields.push_back({"last_connect_error", situation.last_connect_error});
  }
  return fail(static_cast<errc>(err.code()), std::move(info));
}

field lease_field(pg_lease lease) {
  return {"lease", static_cast<int64_t>(lease.id)};
}

bool is(const caf::error& err, errc code) {
  return err.category() == caf::type_id_v<errc> && err.code() == static_cast<uint8_t>(code);
}

std::string_view sqlstate_of(const caf::error& err) {
  if (!err || !err.context().match_elements<error_detail>())
    return {};
  return err.context().get_as<error_detail>(0).sqlstate;
}

bool breaks_connection(const caf::error& err) {
  return is(err, errc::connection_lost) || is(err, errc::in_doubt);
}

bool is_permanent_refusal(const caf::error& err) {
  auto state = sqlstate_of(err);
  return state.starts_with("28") || state == "3D000" || is(err, errc::unauthenticated) ||
         is(err, errc::config_invalid) || is(err, errc::invalid_argument);
}

bool is_read_only_refusal(const caf::error& err) {
  return sqlstate_of(err) == "25006";
}

std::string pretty(caf::timespan duration) {
  using namespace std::chrono;
  auto ms = duration_cast<milliseconds>(duration).count();
  if (ms < 1000)
    return std::to_string(ms) + " ms";
  auto result = std::to_string(ms / 1000);
  if (auto tenths = ms % 1000 / 100; tenths != 0)
    result += "." + std::to_string(tenths);
  return result + " s";
}

} // namespace dbs::postgres
