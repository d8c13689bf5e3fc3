// The io_context of an event loop, of which other threads may take turns.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include <atomic>
#include <mutex>
#include <utility>

namespace dbs {

/// To wake a loop's thread costs more than most of what it is woken for. A loop that
/// waits for its sockets may therefore lend its turn to a thread that has work for it:
/// whoever has the turn is the loop for that time. Handlers that share state with
/// what runs in lent turns must be bound with `in_turn`, or posted with `post`.
class loop_context : public boost::asio::io_context {
public:
  enum class turns {
    /// One thread runs all of it, and a turn costs nothing.
    kept,
    /// Other threads may take a turn.
    lent,
  };

  using turn = std::unique_lock<std::mutex>;

  explicit loop_context(turns how = turns::kept) : io_context(1), lends_(how == turns::lent) {}

  /// On the loop's thread, for the time that the result lives.
  turn take_turn() {
    if (!lends_)
      return {};
    wanted_.store(true, std::memory_order_relaxed);
    turn mine{mutex_};
    wanted_.store(false, std::memory_order_relaxed);
    return mine;
  }

  /// On any other thread: owns the turn if it is to be had now. The loop's own thread
  /// goes before, lest those who borrow one after the other keep it waiting.
  turn borrow_turn() {
    if (!lends_ || wanted_.load(std::memory_order_relaxed))
      return {};
    return turn{mutex_, std::try_to_lock};
  }

  /// `handler`, to be run by the loop's thread, in its turn, once.
  template <class Handler>
  auto in_turn(Handler&& handler) {
    return [this, handler = std::forward<Handler>(handler)](auto&&... xs) mutable {
      auto mine = take_turn();
      auto body = std::move(handler); // what it holds goes in the turn, too
      body(std::forward<decltype(xs)>(xs)...);
    };
  }

  /// From any thread.
  template <class Handler>
  void post(Handler&& handler) {
    boost::asio::post(*this, in_turn(std::forward<Handler>(handler)));
  }

private:
  const bool lends_;
  std::atomic<bool> wanted_{false};
  std::mutex mutex_;
};

} // namespace dbs
