// The stable handle of a service.
//
// A CAF handle is dead for ever once its actor has died. So nobody outside holds
// the handle of a manager: they hold its front, which outlives every incarnation
// of the manager behind it.
#pragma once

#include "dbs/messages/error_detail.hpp"
#include "dbs/messages/manager/front_stats.hpp"
#include "dbs/runtime/caf/writer_first_mutex.hpp"

#include <caf/actor_cast.hpp>
#include <caf/actor_clock.hpp>
#include <caf/actor_system.hpp>
#include <caf/monitorable_actor.hpp>

#include <atomic>
#include <cstdint>
#include <deque>
#include <string>

namespace dbs {

/// An actor without a mailbox: `enqueue` runs on the sender's thread and hands the
/// message to the current incarnation; the answer goes straight back to the
/// sender. One class serves every service.
///
/// While the child starts, messages wait in a stash of bounded size, in order;
/// beyond the bound requests are answered `overloaded`, and those without a deadline
/// `not_ready` after `stash_patience`. A child that drains refuses new work itself, so
/// that work in progress can end; after `close` requests are answered `draining`.
class front final : public caf::monitorable_actor {
public:
  /// Messages that may wait for the child's start.
  static constexpr size_t stash_capacity = 1000;

  /// How long a request without a deadline of its own waits for the child's start.
  static constexpr caf::timespan stash_patience = std::chrono::seconds{10};

  /// @param id the child's id, for error texts.
  front(caf::actor_config& cfg, std::string id);

  /// Makes a front in the state "starting".
  static caf::strong_actor_ptr make(caf::actor_system& system, std::string id);

  /// The front behind a handle made by `make`.
  static front& of(const caf::strong_actor_ptr& handle);

  // -- the supervisor's side; any thread -----------------------------------------

  /// Hands the stash, then every further message to `child`.
  void up(caf::strong_actor_ptr child);

  /// Stashes from now on.
  void down();

  /// Answers everything with `draining` from now on. Final.
  void close();

  /// Answers stashed requests whose deadline, or whose patience, is over.
  void expire(caf::actor_clock::time_point now);

  front_stats stats() const;

  // -- CAF -----------------------------------------------------------------------

  bool enqueue(caf::mailbox_element_ptr what, caf::execution_unit* host) override;

  const char* name() const override { return "dbs.front"; }

  void on_destroy() override;

  /// Part of what `make_actor` expects of an actor.
  void setup_metrics() noexcept {}

private:
  enum class mode { starting, up, closed };

  struct stashed {
    caf::mailbox_element_ptr what;
    /// When waiting ends, and with which error.
    caf::actor_clock::time_point until;
    errc late;
  };

  caf::strong_actor_ptr child() const;
  stashed to_stash(caf::mailbox_element_ptr what);
  void refuse(caf::mailbox_element& what, errc code, std::string why);

  const std::string id_;
  /// Never held while somebody else is called: what is sent, and the last reference to
  /// whoever sent it, may have things to send through this front when they go.
  mutable writer_first_mutex mutex_;
  mode mode_ = mode::starting;  // guarded by mutex_
  caf::strong_actor_ptr child_; // guarded by mutex_; set only when up
  std::deque<stashed> stash_;   // guarded by mutex_
  std::atomic<uint64_t> stashed_{0};
  std::atomic<uint64_t> refused_{0};
  std::atomic<uint64_t> expired_{0};
  std::atomic<uint64_t> swallowed_{0};
};

} // namespace dbs
