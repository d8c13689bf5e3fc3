#include "dbs/runtime/postgres/shared_texts.hpp"

#include "dbs/runtime/postgres/statement_class.hpp"

#include <algorithm>

namespace dbs::postgres {

request_lane shared_texts::lane_of(std::string_view sql) {
  if (sql.size() > max_text_size)
    return request_lane::own;
  auto& known = find(sql);
  if (!known.may_share)
    return request_lane::own;
  return known.estimate >= threshold_ ? request_lane::slow : request_lane::shared;
}

void shared_texts::took(std::string_view sql, caf::timespan duration) {
  auto& estimate = find(sql).estimate;
  estimate = std::max(duration, estimate - (estimate - duration) / 8);
  if (estimate < threshold_)
    estimate = caf::timespan::zero();
}

shared_texts::verdict& shared_texts::find(std::string_view sql) {
  if (auto known = known_.find(sql); known != known_.end())
    return known->second;
  if (known_.size() >= max_texts)
    known_.erase(known_.begin());
  return known_.emplace(sql, verdict{may_share(sql), {}}).first->second;
}

} // namespace dbs::postgres
