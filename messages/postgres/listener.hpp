// The public interface of the listener: LISTEN and its notifications, as messages.
#pragma once

#include "dbs/messages/blob.hpp"
#include "dbs/messages/call_context.hpp"

#include <caf/result.hpp>
#include <caf/typed_actor.hpp>

#include <cstdint>
#include <string>

namespace dbs {

enum class pg_event_kind : uint8_t {
  /// Somebody called NOTIFY or pg_notify on the channel.
  notification,
  /// Notifications on the channel may have been missed: the connection was lost, or
  /// the sink was too slow. Whoever keeps a copy of what the channel is about has to
  /// read it again. What is notified from here on is heard.
  gap,
};

std::string to_string(pg_event_kind x);
bool from_string(caf::string_view in, pg_event_kind& out);
bool from_integer(uint8_t in, pg_event_kind& out);

template <class Inspector>
bool inspect(Inspector& f, pg_event_kind& x) {
  return caf::default_enum_inspect(f, x);
}

/// What a sink hears of a channel that it listens to.
struct pg_event {
  pg_event_kind kind = pg_event_kind::notification;
  std::string channel;
  /// At most 7999 bytes, as PostgreSQL has it; empty for a gap.
  blob payload;
  /// The server process that has notified; 0 for a gap.
  int32_t backend_pid = 0;
};

template <class Inspector>
bool inspect(Inspector& f, pg_event& x) {
  return f.object(x).fields(f.field("kind", x.kind), f.field("channel", x.channel),
                            f.field("payload", x.payload), f.field("backend_pid", x.backend_pid));
}

/// What an actor has to understand to be a sink. Events come as requests, in the order
/// of the server; the answer says that the sink is done with one. A sink that owes too
/// many answers hears no more until it has caught up, and then of a gap.
using pg_event_sink = caf::typed_actor<caf::result<void>(pg_event)>;

/// - `listen` makes the sender a sink of a channel, and is answered once LISTEN is in
///   effect: what is notified from then on, the sender hears. Listening again changes
///   nothing. A subscription lives until `unlisten`, or the death of its sink, which it
///   keeps reachable; it survives lost connections and restarts of the listener.
/// - `unlisten` ends that. What was sent to the sink before the answer is the last that
///   it hears. Harmless without a subscription.
///
/// A channel's name is taken as it is, upper and lower case differ; it has 1 to 63 bytes,
/// none of them zero.
///
/// Errors: `invalid_argument`, `overloaded`, `deadline_exceeded`, `connection_lost`,
/// `query_failed`, `draining`, `restarted`.
using postgres_listener_actor =
    caf::typed_actor<caf::result<void>(listen_atom, call_context, std::string),
                     caf::result<void>(unlisten_atom, call_context, std::string)>;

} // namespace dbs
