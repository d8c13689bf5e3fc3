#include "dbs/runtime/caf/front.hpp"

#include "dbs/messages/call_context.hpp"
#include "dbs/runtime/caf/reply.hpp"

#include <caf/make_actor.hpp>
#include <caf/system_messages.hpp>

#include <mutex>

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
  std::unique_lock guard{mutex_};
  if (mode_ == mode::draining)
    return;
  // Under the lock, so that nobody overtakes the stash.
  for (auto& what : stash_)
    child->enqueue(std::move(what), nullptr);
  stash_.clear();
  child_ = std::move(child);
  mode_ = mode::up;
}

void front::down() {
  caf::strong_actor_ptr former;
  std::unique_lock guard{mutex_};
  if (mode_ == mode::draining)
    return;
  former.swap(child_);
  mode_ = mode::starting;
}

void front::drain() {
  caf::strong_actor_ptr former;
  std::deque<caf::mailbox_element_ptr> stash;
  {
    std::unique_lock guard{mutex_};
    mode_ = mode::draining;
    former.swap(child_);
    stash.swap(stash_);
  }
  for (auto& what : stash)
    refuse(*what, errc::draining, id_ + " is shutting down");
}

void front::expire(caf::actor_clock::time_point now) {
  std::deque<caf::mailbox_element_ptr> late;
  {
    std::unique_lock guard{mutex_};
    std::deque<caf::mailbox_element_ptr> kept;
    for (auto& what : stash_) {
      auto& content = what->content();
      auto has_context = content.size() > 1 && content.match_element<call_context>(1);
      auto expired = has_context && content.get_as<call_context>(1).expired(now);
      (expired ? late : kept).push_back(std::move(what));
    }
    stash_ = std::move(kept);
  }
  for (auto& what : late) {
    expired_.fetch_add(1, std::memory_order_relaxed);
    refuse(*what, errc::deadline_exceeded, id_ + " did not start before the deadline");
  }
}

bool front::stash_empty() const {
  std::shared_lock guard{mutex_};
  return stash_.empty();
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
  {
    std::shared_lock guard{mutex_};
    // The child answers by itself if it dies before it takes the message.
    if (child_)
      return child_->enqueue(std::move(what), host);
  }
  auto code = errc::draining;
  {
    std::unique_lock guard{mutex_};
    if (child_)
      return child_->enqueue(std::move(what), host);
    if (mode_ == mode::starting) {
      if (stash_.size() < stash_capacity) {
        stash_.push_back(std::move(what));
        stashed_.fetch_add(1, std::memory_order_relaxed);
        return true;
      }
      code = errc::overloaded;
    }
  }
  refuse(*what, code,
         code == errc::overloaded
             ? id_ + " is starting and " + std::to_string(stash_capacity) + " requests wait already"
             : id_ + " is shutting down");
  return false;
}

void front::on_destroy() {
  drain();
  cleanup(caf::make_error(caf::exit_reason::unreachable), nullptr);
  caf::monitorable_actor::on_destroy();
}

void front::refuse(caf::mailbox_element& what, errc code, std::string why) {
  refused_.fetch_add(1, std::memory_order_relaxed);
  answer_with(what, fail(code, std::move(why), {{"service", id_}}));
}

} // namespace dbs
