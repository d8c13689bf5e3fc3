#include "dbs/runtime/caf/front.hpp"

#include "dbs/messages/call_context.hpp"
#include "dbs/runtime/caf/reply.hpp"

#include <caf/make_actor.hpp>
#include <caf/system_messages.hpp>

#include <mutex>
#include <shared_mutex>

namespace dbs {

front::front(caf::actor_config& cfg, std::string id)
    : caf::monitorable_actor(cfg), id_(std::move(id)) {}

caf::strong_actor_ptr front::make(caf::actor_system& system, std::string id) {
  caf::actor_config cfg;
  return caf::make_actor<front, caf::strong_actor_ptr>(system.next_actor_id(), system.node(),
                                                       &system, cfg, std::move(id));
}

front& front::of(const caf::strong_actor_ptr& handle) {
  return *static_cast<front*>(caf::actor_cast<caf::abstract_actor*>(handle));
}

void front::up(caf::strong_actor_ptr child) {
  // Whoever sends meanwhile is stashed, too, so that nobody overtakes the stash.
  for (;;) {
    std::deque<stashed> waiting;
    {
      std::unique_lock guard{mutex_};
      if (mode_ == mode::closed)
        return;
      if (stash_.empty()) {
        child_ = std::move(child);
        mode_ = mode::up;
        return;
      }
      waiting.swap(stash_);
    }
    for (auto& x : waiting)
      child->enqueue(std::move(x.what), nullptr);
  }
}

void front::down() {
  caf::strong_actor_ptr former;
  std::unique_lock guard{mutex_};
  if (mode_ == mode::closed)
    return;
  former.swap(child_);
  mode_ = mode::starting;
}

void front::close() {
  caf::strong_actor_ptr former;
  std::deque<stashed> stash;
  {
    std::unique_lock guard{mutex_};
    mode_ = mode::closed;
    former.swap(child_);
    stash.swap(stash_);
  }
  for (auto& x : stash)
    refuse(*x.what, errc::draining, id_ + " is shutting down");
}

front::stashed front::to_stash(caf::mailbox_element_ptr what) {
  if (auto* context = context_of(what->content()); context != nullptr && context->has_deadline())
    return {std::move(what), context->deadline, errc::deadline_exceeded};
  return {std::move(what), home_system().clock().now() + stash_patience, errc::not_ready};
}

void front::expire(caf::actor_clock::time_point now) {
  std::deque<stashed> late;
  {
    std::unique_lock guard{mutex_};
    std::deque<stashed> kept;
    for (auto& x : stash_)
      (x.until <= now ? late : kept).push_back(std::move(x));
    stash_ = std::move(kept);
  }
  for (auto& x : late) {
    expired_.fetch_add(1, std::memory_order_relaxed);
    refuse(*x.what, x.late,
           x.late == errc::not_ready ? id_ + " has not started"
                                     : id_ + " did not start before the deadline");
  }
}

front_stats front::stats() const {
  return {stashed_.load(), refused_.load(), expired_.load(), swallowed_.load()};
}

bool front::enqueue(caf::mailbox_element_ptr what, caf::execution_unit* host) {
  auto& content = what->content();
  if (content.match_elements<caf::exit_msg>() || content.match_elements<caf::down_msg>()) {
    swallowed_.fetch_add(1, std::memory_order_relaxed);
    return true;
  }
  // The child answers by itself if it dies before it takes the message.
  if (auto current = child())
    return current->enqueue(std::move(what), host);
  auto code = errc::draining;
  caf::strong_actor_ptr arrived;
  {
    std::unique_lock guard{mutex_};
    arrived = child_;
    if (mode_ == mode::starting) {
      if (stash_.size() < stash_capacity) {
        stash_.push_back(to_stash(std::move(what)));
        stashed_.fetch_add(1, std::memory_order_relaxed);
        return true;
      }
      code = errc::overloaded;
    }
  }
  if (arrived)
    return arrived->enqueue(std::move(what), host);
  refuse(*what, code,
         code == errc::overloaded
             ? id_ + " is starting and " + std::to_string(stash_capacity) + " requests wait already"
             : id_ + " is shutting down");
  return false;
}

void front::on_destroy() {
  close();
  cleanup(caf::make_error(caf::exit_reason::unreachable), nullptr);
  caf::monitorable_actor::on_destroy();
}

caf::strong_actor_ptr front::child() const {
  std::shared_lock guard{mutex_};
  return child_;
}

void front::refuse(caf::mailbox_element& what, errc code, std::string why) {
  refused_.fetch_add(1, std::memory_order_relaxed);
  answer_with(what, fail(code, std::move(why), {{"service", id_}}));
}

} // namespace dbs
