#include "dbs/runtime/observe/latency_window.hpp"

#include <utility>

namespace dbs::observe {

void latency_window::advance(time_point now) {
  if (!turned_) {
    turned_ = now;
    return;
  }
  auto passed = now - *turned_;
  if (passed < span_)
    return;
  auto paused = passed >= 2 * span_;
  auto current = source_->snapshot();
  older_ = paused ? current : std::move(newer_);
  newer_ = std::move(current);
  turned_ = now;
}

} // namespace dbs::observe
