// The recent part of a histogram, for whoever wants to know how things are now.
//
// A histogram covers everything since the start, which is right for Prometheus,
// whose queries subtract. A health answer that is read by itself needs a window:
// one slow statement an hour ago must not count for ever.
#pragma once

#include "dbs/runtime/observe/histogram.hpp"

#include <caf/actor_clock.hpp>
#include <caf/timespan.hpp>

#include <optional>

namespace dbs::observe {

/// Covers the last one to two `span`s. Recording goes to the histogram alone and
/// costs nothing more; the window keeps two former snapshots to subtract.
///
/// Not thread-safe: belongs to one manager.
class latency_window {
public:
  using time_point = caf::actor_clock::time_point;

  /// @param source must outlive the window; what it holds already is not covered.
  latency_window(const histogram& source, caf::timespan span)
      : source_(&source), span_(span), older_(source.snapshot()), newer_(older_) {}

  /// Forgets what is too old. To be called several times per span; after a longer
  /// pause nothing of what was recorded meanwhile is covered.
  void advance(time_point now);

  /// The values of the window, up to now.
  histogram_snapshot snapshot() const { return source_->snapshot().since(older_); }

private:
  const histogram* source_;
  caf::timespan span_;
  /// When `newer_` was taken; unknown before the first `advance`.
  std::optional<time_point> turned_;
  histogram_snapshot older_;
  histogram_snapshot newer_;
};

} // namespace dbs::observe
