// The io_context of an event loop, of which other threads may take turns.
#pragma once

#include "dbs/runtime/io/socket_set.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <boost/asio/post.hpp>

#include <atomic>
#include <functional>
#include <mutex>
#include <utility>
#include <vector>

namespace dbs {

/// Something that is gathered in the turns of a loop to be done at once, such as a write.
class deferred_work {
public:
  /// In a turn of the loop. May defer itself anew.
  virtual void run_deferred() = 0;

protected:
  ~deferred_work() = default;
};

/// To wake a loop's thread costs more than most of what it is woken for. A loop that
/// waits for its sockets may therefore lend its turn to a thread that has work for it:
/// whoever has the turn is the loop for that time. Handlers that share state with
/// what runs in lent turns must be bound with `in_turn`, or posted with `post`.
///
/// Sockets that are to be served in lent turns, too, are in `sockets()`, not in the
/// io_context.
class loop_context : public boost::asio::io_context {
public:
  enum class turns {
    /// One thread runs all of it, and a turn costs nothing.
    kept,
    /// Other threads may take a turn.
    lent,
  };

  using turn = std::unique_lock<std::mutex>;

  explicit loop_context(turns how = turns::kept)
      : io_context(1), lends_(how == turns::lent), arrival_(get_executor()) {}

  ~loop_context() { leave_sockets(); }

  /// From anywhere but the turn's holder: owns the turn once it is to be had.
  turn take_turn() {
    if (!lends_)
      return {};
    turn mine{mutex_, std::try_to_lock};
    if (!mine.owns_lock()) {
      wanted_.fetch_add(1, std::memory_order_relaxed);
      mine.lock();
      wanted_.fetch_sub(1, std::memory_order_relaxed);
    }
    return mine;
  }

  /// On any other thread: owns the turn if it is to be had now. Whoever waits for it
  /// goes before, lest those who borrow one after the other keep the sockets waiting.
  turn borrow_turn() {
    if (!lends_ || wanted_.load(std::memory_order_relaxed) != 0)
      return {};
    return turn{mutex_, std::try_to_lock};
  }

  /// `handler`, to be run by the loop's thread, in its turn, once.
  template <class Handler>
  auto in_turn(Handler&& handler) {
    return [this, handler = std::forward<Handler>(handler)](auto&&... xs) mutable {
      auto mine = take_turn();
      run_in_turn([&] {
        auto body = std::move(handler); // what it holds goes in the turn, too
        body(std::forward<decltype(xs)>(xs)...);
      });
      run_deferred();
    };
  }

  /// From any thread.
  template <class Handler>
  void post(Handler&& handler) {
    boost::asio::post(*this, in_turn(std::forward<Handler>(handler)));
  }

  /// For who has the turn: what `handler` does is to be done in this turn, too, but not
  /// before what runs now has ended. Outside of a turn it is posted.
  template <class Handler>
  void later(Handler&& handler) {
    if (in_body_)
      later_.emplace_back(std::forward<Handler>(handler));
    else
      post(std::forward<Handler>(handler));
  }

  /// For who has the turn: runs `body` and then what it leaves for `later`.
  template <class F>
  void run_in_turn(F&& body) {
    in_body_ = true;
    body();
    while (!later_.empty()) {
      running_.swap(later_);
      for (auto& handler : running_)
        handler();
      running_.clear();
    }
    in_body_ = false;
  }

  /// Runs `what` once, at the end of this turn, or of a later one that is about to come.
  /// For who has the turn, like the next two.
  void defer(deferred_work& what) {
    deferred_.push_back(&what);
    has_deferred_.store(true);
  }

  /// To be called before `what` is destroyed.
  void forget(deferred_work& what) noexcept { std::erase(deferred_, &what); }

  /// What ends a turn.
  void run_deferred() {
    while (!deferred_.empty()) {
      auto* next = deferred_.back();
      deferred_.pop_back();
      next->run_deferred();
    }
    has_deferred_.store(false);
  }

  /// From any thread.
  bool has_deferred() const noexcept { return has_deferred_.load(); }

  /// For who has the turn.
  socket_set& sockets() noexcept { return sockets_; }

  /// What the loop's thread does when sockets are ready, instead of serving them in
  /// its turn. To be set before it runs.
  void on_sockets_ready(std::function<void()> what) { on_ready_ = std::move(what); }

  /// From here on the loop's thread waits for the sockets; to be called on that thread,
  /// or before it runs. False if the kernel refuses.
  bool watch_sockets() {
    if (arrival_.is_open())
      return true;
    boost::system::error_code refused;
    arrival_.assign(sockets_.descriptor(), refused);
    if (!refused)
      await_sockets();
    return !refused;
  }

  /// From here on it does not: somebody else waits for them.
  void leave_sockets() {
    if (arrival_.is_open())
      arrival_.release(); // which is not its own
  }

private:
  void await_sockets() {
    arrival_.async_wait(boost::asio::posix::descriptor_base::wait_read,
                        [this](boost::system::error_code left) {
                          if (left)
                            return;
                          on_ready_();
                          if (arrival_.is_open())
                            await_sockets();
                        });
  }

  const bool lends_;
  std::atomic<int> wanted_{0};
  std::mutex mutex_;
  // Of the turn's holder:
  bool in_body_ = false;
  std::vector<std::function<void()>> later_;
  std::vector<std::function<void()>> running_;
  socket_set sockets_;
  std::vector<deferred_work*> deferred_;
  std::atomic<bool> has_deferred_{false};
  std::function<void()> on_ready_ = [this] {
    auto mine = take_turn();
    run_in_turn([this] { sockets_.serve(sockets_.poll()); });
    run_deferred();
  };
  /// The set as a whole.
  boost::asio::posix::basic_stream_descriptor<boost::asio::io_context::executor_type> arrival_;
};

} // namespace dbs
