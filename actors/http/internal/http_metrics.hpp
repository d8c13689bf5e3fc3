// The metrics of the HTTP manager.
#pragma once

#include "dbs/runtime/http/server.hpp"
#include "dbs/runtime/observe/instruments.hpp"

namespace dbs::internal {

class http_metrics {
public:
  explicit http_metrics(observe::registry& registry)
      : connections_(observe::must(registry.add_gauge("dbs_http_connections", "Open now."))),
        accepted_(feed(registry, "dbs_http_connections_accepted_total", "Let in.")),
        rejected_(feed(registry, "dbs_http_connections_rejected_total",
                       "Turned away: too many, or another user's.")),
        requests_(feed(registry, "dbs_http_requests_total", "Reached a handler.")),
        bad_requests_(feed(registry, "dbs_http_bad_requests_total",
                           "Answered with an error before they reached one.")),
        timeouts_(feed(registry, "dbs_http_timeouts_total",
                       "Took too long to arrive, to be handled or to be answered.")) {}

  /// Brings everything up to date.
  void publish(const http_server_stats& stats) {
    connections_->set(static_cast<double>(stats.active));
    accepted_.reach(stats.accepted);
    rejected_.reach(stats.rejected);
    requests_.reach(stats.requests);
    bad_requests_.reach(stats.bad_requests);
    timeouts_.reach(stats.timeouts);
  }

private:
  static observe::counter_feed feed(observe::registry& registry, const char* name,
                                    const char* help) {
    return observe::counter_feed{observe::must(registry.add_counter(name, help))};
  }

  observe::gauge* connections_;
  observe::counter_feed accepted_;
  observe::counter_feed rejected_;
  observe::counter_feed requests_;
  observe::counter_feed bad_requests_;
  observe::counter_feed timeouts_;
};

} // namespace dbs::internal
