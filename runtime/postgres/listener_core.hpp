// The logic of a listener: one connection of its own, LISTEN for what somebody listens
// to, and who hears of it.
//
// A notification is heard only by sessions that listen while it is sent, and libpq keeps
// none for later. So whatever may have been missed - the connection was lost, a sink was
// too slow - is told as a gap: once for each channel of each sink, and before any later
// notification.
#pragma once

#include "dbs/config/settings.hpp"
#include "dbs/messages/postgres/listener.hpp"
#include "dbs/runtime/io/timer_queue.hpp"
#include "dbs/runtime/postgres/connection.hpp"
#include "dbs/runtime/postgres/pool_client.hpp"
#include "dbs/runtime/postgres/pool_connect_gate.hpp"

#include <caf/error.hpp>
#include <caf/expected.hpp>

#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace dbs::postgres {

struct listener_limits {
  /// Channels that somebody listens to, and pairs of channel and sink.
  size_t channels = 1000;
  size_t subscriptions = 10'000;
  /// Events that a sink may owe the answer to. A burst comes in one piece: this is also
  /// how long one may be.
  size_t window = 256;
  /// A connection that has said nothing for this time is asked whether it lives.
  caf::timespan heartbeat = std::chrono::seconds{15};
  /// How long the server may take for LISTEN, or the answer to a heartbeat.
  caf::timespan answer_timeout = std::chrono::seconds{5};
};

/// How a listener stands.
struct listener_figures {
  size_t channels = 0;
  size_t subscriptions = 0;
  /// Requests that wait for LISTEN to be in effect.
  size_t waiting = 0;
  /// Events that sinks owe the answer to.
  size_t unanswered = 0;
  bool connected = false;
};

enum class listener_event : uint8_t { connected, connect_failed, lost };

/// Told by a listener, on its thread, what has become of requests and subscriptions. Must
/// not call the listener.
class listener_owner {
public:
  virtual ~listener_owner() = default;

  /// Answers `listen`, once, possibly before the call has returned; `reason` is empty on
  /// success.
  virtual void on_done(request_token token, caf::error reason) = 0;

  /// From here on the sink hears of the channel.
  virtual void on_subscribed(owner_id sink, const std::string& channel) = 0;
  virtual void on_unsubscribed(owner_id sink, const std::string& channel) = 0;

  /// The sink has no subscription left and owes no answer.
  virtual void on_sink_gone(owner_id sink) = 0;

  /// The sink is to get this event, and its answer to be told by `acknowledge`.
  virtual void on_event(owner_id sink, const pg_event& event) = 0;

  /// A notification came that the sink will not get; `first` if it has been keeping up
  /// until now.
  virtual void on_dropped(owner_id sink, bool first) = 0;

  /// A notification came from the server.
  virtual void on_notification() = 0;

  /// @param reason is empty for `connected`.
  virtual void on_notice(listener_event event, const connection& conn,
                         const caf::error& reason) = 0;

  /// The server has answered a heartbeat.
  virtual void on_heartbeat(caf::timespan took) = 0;
};

/// Not thread-safe; all calls must come on the thread of its timers. Opens its connection
/// for the first subscription and closes it after the last.
class listener_core final : private connection_observer {
public:
  using time_point = timer_queue::time_point;
  using connection_factory = std::function<connection_ptr(connection_observer&)>;

  listener_core(const database_settings& settings, const listener_limits& limits,
                connection_factory make, timer_queue& timers, listener_owner& owner, uint64_t seed);

  ~listener_core() override;

  /// See `postgres_listener_actor`. Waits until `deadline` for LISTEN to be in effect, and
  /// for the acquire timeout of the settings at most.
  void listen(request_token token, owner_id sink, const std::string& channel, time_point deadline);

  /// Takes over a subscription that was in effect in an earlier life: the sink has missed
  /// what came in between, and will hear of that.
  void restore(owner_id sink, const std::string& channel);

  void unlisten(owner_id sink, const std::string& channel);

  /// The sink is done with an event.
  void acknowledge(owner_id sink);

  /// The sink has died.
  void sink_down(owner_id sink);

  /// Ends it all; requests are `draining` from here on.
  void drain();

  bool knows(owner_id sink) const { return sinks_.contains(sink); }

  listener_figures figures() const;

  /// Channels for which LISTEN is in effect. Counts them.
  size_t heard() const;

  /// Why the connection broke, or could not be made; empty once it works.
  const caf::error& last_error() const noexcept { return last_error_; }

  /// When the server was heard last; of the connection that stands.
  time_point last_heard() const noexcept { return heard_; }

private:
  struct waiter {
    request_token token;
    timer_queue::timer_id timer;
  };

  struct subscription {
    /// The sink hears of the channel.
    bool established = false;
    std::vector<waiter> waiters;
  };

  struct channel_state {
    std::string quoted;
    /// LISTEN is in effect on this connection.
    bool heard = false;
    /// LISTEN or UNLISTEN is under way.
    bool changing = false;
    std::map<owner_id, subscription> sinks;
  };

  using channel_map = std::map<std::string, channel_state, std::less<>>;

  struct sink_state {
    size_t channels = 0;
    size_t unanswered = 0;
    /// Channels whose gap it has to be told as soon as it has caught up. Until then it
    /// gets nothing.
    std::set<std::string> owed;
  };

  /// What the connection is asked to do.
  enum class task : uint8_t { none, changes, heartbeat };

  /// A LISTEN, or UNLISTEN, under way.
  struct change {
    std::string channel;
    bool listen;
  };

  // -- subscriptions ---------------------------------------------------------------

  /// The quoted name, or why there cannot be such a subscription.
  caf::expected<std::string> admit(owner_id sink, const std::string& channel) const;
  subscription& subscribe(owner_id sink, const std::string& channel, std::string quoted);
  void establish(owner_id sink, const std::string& channel, subscription& what);
  void give_up(request_token token, owner_id sink, const std::string& channel, errc code);
  /// Answers all that wait for this subscription.
  void answer(subscription& what, const caf::error& reason);
  /// Ends one; whoever waits for it is told `reason`.
  void end(channel_map::iterator channel, owner_id sink, const caf::error& reason);
  /// Ends all that have not been in effect, and answers all who wait.
  void refuse_waiters(const caf::error& reason);

  // -- events ----------------------------------------------------------------------

  void give(owner_id sink, const pg_event& event);
  void pay_gaps(owner_id sink, sink_state& state);
  void in_effect(const std::string& name, channel_state& channel);

  // -- the connection --------------------------------------------------------------

  /// Brings the connection closer to what is subscribed.
  void work();
  void connect();
  void send_changes();
  void start(task what);
  void take_changes();
  void take_refusal(const caf::error& reason);
  void watch();
  void on_quiet();
  /// Drops the channels without sinks that the server need not be told of.
  void forget_unused();
  /// Gives the connection up and tries again.
  void drop(listener_event event, caf::error reason);
  void close();

  void on_connected(connection& conn) override;
  void on_connect_failed(connection& conn, caf::error reason) override;
  void on_part(connection& conn, pg_result part) override;
  void on_result(connection& conn, caf::expected<pg_result> result) override;
  void on_chunk(connection& conn, pg_chunk chunk) override;
  void on_cancel_settled(connection& conn) override;
  void on_notification(connection& conn, std::string_view channel, std::string_view payload,
                       int backend_pid) override;
  void on_lost(connection& conn, caf::error reason) override;

  database_settings settings_;
  listener_limits limits_;
  connection_factory make_;
  timer_queue& timers_;
  listener_owner& owner_;
  pool_connect_gate gate_;

  /// Also of what nobody listens to any more, until UNLISTEN is through.
  channel_map channels_;
  std::unordered_map<owner_id, sink_state> sinks_;
  /// Channels with a sink.
  size_t wanted_ = 0;
  size_t subscriptions_ = 0;
  size_t waiting_ = 0;
  size_t unanswered_ = 0;
  bool draining_ = false;

  connection_ptr conn_;
  bool connected_ = false;
  task running_ = task::none;
  time_point started_;
  std::vector<change> changes_;
  caf::error last_error_;
  time_point heard_;
  timer_queue::timer_id retry_timer_;
  timer_queue::timer_id answer_timer_;
  timer_queue::timer_id quiet_timer_;
};

} // namespace dbs::postgres
