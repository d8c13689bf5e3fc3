// The metrics of the listener, which its statistics are read from as well.
#pragma once

#include "dbs/runtime/observe/instruments.hpp"
#include "dbs/runtime/postgres/listener_core.hpp"

#include <cstdint>

namespace dbs::internal {

struct listener_metrics {
  explicit listener_metrics(observe::registry& registry)
      : channels(gauge(registry, "channels", "Channels that somebody listens to.")),
        subscriptions(gauge(registry, "subscriptions", "Pairs of channel and sink.")),
        waiting(gauge(registry, "waiting_requests", "Wait for LISTEN to be in effect.")),
        unanswered(gauge(registry, "unanswered_events", "Events that sinks are busy with.")),
        connected(gauge(registry, "connected", "1 while its connection stands.")),
        notifications(counter(registry, "notifications_total", "Came from the server.")),
        delivered(counter(registry, "delivered_total", "Events that were sent to sinks.")),
        gaps(counter(registry, "gaps_total", "Of these, gaps.")),
        dropped(counter(registry, "dropped_total", "Notifications that a slow sink has missed.")),
        refused(counter(registry, "refused_total", "Events that a sink answered with an error.")),
        connects(counter(registry, "connects_total", "Connections that were made.")),
        lost(counter(registry, "lost_total", "Connections that broke, or did not answer.")),
        heartbeat(observe::must(registry.add_histogram("dbs_postgres_listener_heartbeat_seconds",
                                                       "Round trips of answered heartbeats."))) {}

  void publish(const postgres::listener_figures& x) {
    channels->set(static_cast<double>(x.channels));
    subscriptions->set(static_cast<double>(x.subscriptions));
    waiting->set(static_cast<double>(x.waiting));
    unanswered->set(static_cast<double>(x.unanswered));
    connected->set(x.connected ? 1 : 0);
  }

  observe::gauge* channels;
  observe::gauge* subscriptions;
  observe::gauge* waiting;
  observe::gauge* unanswered;
  observe::gauge* connected;
  observe::counter* notifications;
  observe::counter* delivered;
  observe::counter* gaps;
  observe::counter* dropped;
  observe::counter* refused;
  observe::counter* connects;
  observe::counter* lost;
  observe::histogram* heartbeat;

private:
  static std::string full(const char* name) { return std::string{"dbs_postgres_listener_"} + name; }

  static observe::gauge* gauge(observe::registry& registry, const char* name, const char* help) {
    return observe::must(registry.add_gauge(full(name), help));
  }

  static observe::counter* counter(observe::registry& registry, const char* name,
                                   const char* help) {
    return observe::must(registry.add_counter(full(name), help));
  }
};

} // namespace dbs::internal
