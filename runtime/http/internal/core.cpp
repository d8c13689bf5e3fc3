#include "dbs/runtime/http/internal/core.hpp"

#include "dbs/runtime/http/internal/session.hpp"

namespace dbs::http_internal {

namespace {

/// Connections that are told 503 at the same time; the rest is closed unheard.
constexpr size_t max_rejecting = 32;

} // namespace

core::core(boost::asio::io_context& loop, timer_queue& queue, http_server_options opts,
           http_handler fn)
    : io(loop), timers(queue), options(std::move(opts)), handler(std::move(fn)) {}

core::~core() = default;

void core::add(socket_type socket, bool over_unix_socket) {
  auto full = is_full(over_unix_socket);
  if (full) {
    ++stats.rejected;
    if (rejecting_ >= max_rejecting)
      return;
    ++rejecting_;
  } else {
    ++stats.accepted;
    ++stats.active;
    unix_active_ += over_unix_socket ? 1 : 0;
  }
  auto fresh =
      std::make_shared<session>(shared_from_this(), std::move(socket), over_unix_socket, full);
  sessions_.emplace(fresh.get(), fresh);
  fresh->start();
}

bool core::is_full(bool over_unix_socket) const noexcept {
  return over_unix_socket ? unix_active_ >= options.max_unix_connections
                          : stats.active - unix_active_ >= options.max_connections;
}

void core::remove(session& which) {
  auto i = sessions_.find(&which);
  if (i == sessions_.end())
    return;
  if (which.rejected()) {
    --rejecting_;
  } else {
    --stats.active;
    unix_active_ -= which.over_unix_socket() ? 1 : 0;
  }
  sessions_.erase(i);
  check_drained();
}

void core::drain(std::function<void()> on_drained) {
  draining = true;
  on_drained_ = std::move(on_drained);
  for (auto& x : all_sessions())
    x->drain();
  check_drained();
}

void core::answer_unfinished() {
  for (auto& x : all_sessions())
    x->answer_unfinished();
}

std::vector<std::shared_ptr<session>> core::all_sessions() const {
  std::vector<std::shared_ptr<session>> result;
  for (auto& [key, value] : sessions_)
    result.push_back(value);
  return result;
}

void core::check_drained() {
  if (!draining || closed || !sessions_.empty())
    return;
  if (auto fn = std::exchange(on_drained_, nullptr))
    fn();
}

void core::close() {
  if (closed)
    return;
  closed = true;
  auto sessions = std::exchange(sessions_, {});
  for (auto& [key, value] : sessions)
    value->close();
  stats.active = 0;
  rejecting_ = 0;
  unix_active_ = 0;
  forget_functions();
}

void core::forget_functions() {
  if (!closed || depth_ > 0)
    return;
  options.enter = nullptr;
  handler = nullptr;
  on_drained_ = nullptr;
}

} // namespace dbs::http_internal
