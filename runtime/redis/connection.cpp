// Commands, replies and the end of a connection; internal/opening.cpp has its
// beginning.
#include "dbs/runtime/redis/connection.hpp"

#include "dbs/messages/error_detail.hpp"
#include "dbs/runtime/redis/internal/core.hpp"
#include "dbs/runtime/redis/internal/server_error.hpp"

#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/error.hpp>

#include <hiredis/hiredis.h>

#include <caf/deep_to_string.hpp>

#include <new>
#include <utility>

namespace dbs::redis {

namespace asio = boost::asio;

std::string endpoint_name(const host_port& address) {
  if (address.host.starts_with('/'))
    return address.host;
  auto host = address.host.find(':') == std::string::npos ? address.host : "[" + address.host + "]";
  return host + ":" + std::to_string(address.port);
}

// -- the handle ------------------------------------------------------------------------

connection::connection(asio::io_context& io, timer_queue& timers, loop_entry enter,
                       redis_settings settings, connection_limits limits)
    : core_(std::make_shared<core>(io, timers, std::move(enter), std::move(settings), limits)) {}

connection::~connection() {
  core_->abandon();
}

void connection::connect(ready_callback on_ready, closed_callback on_closed) {
  core_->connect(std::move(on_ready), std::move(on_closed));
}

caf::error connection::command(std::span<const std::string_view> words, caf::timespan timeout,
                               reply_callback done) {
  return core_->command(words, timeout, std::move(done));
}

void connection::abort(caf::error reason) {
  core_->abort(std::move(reason));
}

bool connection::ready() const noexcept {
  return core_->ready();
}

size_t connection::pending() const noexcept {
  return core_->pending();
}

// -- commands ------------------------------------------------------------------------

connection::core::core(asio::io_context& io, timer_queue& timers, loop_entry enter,
                       redis_settings settings, connection_limits limits)
    : io_(io), timers_(timers), enter_(std::move(enter)), settings_(std::move(settings)),
      limits_(limits), resolver_(io), stream_(io), reader_(limits.replies) {}

caf::error connection::core::command(std::span<const std::string_view> words, caf::timespan timeout,
                                     reply_callback done) {
  if (phase_ != phase::ready)
    return fail(errc::connection_lost, "there is no usable connection to " + server());
  if (pending_.size() >= limits_.max_pending)
    return fail(errc::overloaded, "too many commands wait for " + server(),
                {{"pending", static_cast<int64_t>(pending_.size())}});
  size_t bytes = 0;
  for (auto word : words)
    bytes += word.size();
  if (bytes > limits_.max_unsent_bytes - std::min(unsent_.size(), limits_.max_unsent_bytes))
    return fail(errc::overloaded, "too many bytes wait to be sent to " + server(),
                {{"unsent_bytes", static_cast<int64_t>(unsent_.size())}});
  auto number = first_pending_ + pending_.size();
  // Weak: a timer that is left behind must not keep the actor alive.
  auto timer = timers_.schedule_after(timeout, [weak = weak_from_this(), number, timeout] {
    if (auto self = weak.lock())
      self->on_command_timeout(number, timeout);
  });
  append(words, std::move(done), timer);
  return {};
}

void connection::core::append(std::span<const std::string_view> words, reply_callback done,
                              timer_queue::timer_id timer) {
  std::vector<const char*> texts;
  std::vector<size_t> sizes;
  for (auto word : words) {
    texts.push_back(word.data());
    sizes.push_back(word.size());
  }
  char* formatted = nullptr;
  auto size = redisFormatCommandArgv(&formatted, static_cast<int>(words.size()), texts.data(),
                                     sizes.data());
  if (size < 0)
    throw std::bad_alloc();
  std::unique_ptr<char, decltype(&redisFreeCommand)> guard{formatted, redisFreeCommand};
  unsent_.append(formatted, static_cast<size_t>(size));
  pending_.push_back({std::move(done), timer});
  if (writing_ || std::exchange(flush_is_posted_, true))
    return;
  // What the actor sends in one turn goes out in one write.
  asio::post(io_, [self = shared_from_this()] {
    self->flush_is_posted_ = false;
    self->flush();
  });
}

void connection::core::flush() {
  if (phase_ == phase::closed || writing_ || unsent_.empty())
    return;
  writing_ = true;
  in_flight_.swap(unsent_);
  unsent_.clear();
  first_unsent_ = first_pending_ + pending_.size();
  stream_.async_write(asio::buffer(in_flight_),
                      entering([](core& self, boost::system::error_code code, size_t) {
                        self.writing_ = false;
                        if (code)
                          self.close_broken(code);
                        else
                          self.flush();
                      }));
}

// -- replies ------------------------------------------------------------------------

void connection::core::read() {
  stream_.async_read_some(asio::buffer(in_),
                          entering([](core& self, boost::system::error_code code, size_t bytes) {
                            if (code)
                              self.close_broken(code);
                            else
                              self.on_read(bytes);
                          }));
}

void connection::core::on_read(size_t bytes) {
  reader_.feed({in_.data(), bytes});
  while (phase_ != phase::closed) {
    auto reply = reader_.next();
    if (!reply) {
      auto info = detail(reply.error());
      info.what = server() + " sent no acceptable reply: " + info.what;
      return close(fail(static_cast<errc>(reply.error().code()), std::move(info)));
    }
    if (*reply == nullptr)
      return read();
    deliver(std::move(*reply));
  }
}

void connection::core::deliver(reply_ptr reply) {
  if (pending_.empty() || reply->type == REDIS_REPLY_PUSH)
    return close(fail(errc::protocol_error, server() + " sent a reply that nobody asked for"));
  auto waiting = std::move(pending_.front());
  pending_.pop_front();
  ++first_pending_;
  timers_.cancel(waiting.timer);
  if (!waiting.done)
    return; // timed out
  if (reply->type == REDIS_REPLY_ERROR)
    waiting.done(internal::server_error({reply->str, reply->len}));
  else
    waiting.done(std::move(reply));
}

void connection::core::on_command_timeout(uint64_t number, caf::timespan timeout) {
  if (phase_ == phase::closed)
    return;
  auto& waiting = pending_[number - first_pending_];
  waiting.timer = {};
  auto done = std::exchange(waiting.done, nullptr);
  done(fail(errc::deadline_exceeded,
            "no answer from " + server() + " within " + caf::deep_to_string(timeout)));
}

// -- the end ------------------------------------------------------------------------

void connection::core::abort(caf::error reason) {
  asio::post(io_, entering([reason = std::move(reason)](core& self) { self.close(reason); }));
}

void connection::core::abandon() {
  abandoned_ = true;
  if (phase_ == phase::closed)
    return;
  phase_ = phase::closed;
  timers_.cancel(connect_timer_);
  for (auto& waiting : pending_)
    timers_.cancel(waiting.timer);
  auto dropped = std::exchange(pending_, {});
  auto ready = std::exchange(on_ready_, nullptr);
  auto closed = std::exchange(on_closed_, nullptr);
  // Sockets close on the loop, wherever the last handle was dropped.
  asio::post(io_, [self = shared_from_this()] {
    self->resolver_.cancel();
    self->stream_.close();
  });
}

void connection::core::close(caf::error reason) {
  phase_ = phase::closed;
  timers_.cancel(connect_timer_);
  resolver_.cancel();
  stream_.close();
  auto number = first_pending_;
  auto pending = std::exchange(pending_, {});
  for (auto& waiting : pending)
    timers_.cancel(waiting.timer);
  auto closed = std::exchange(on_closed_, nullptr);
  on_ready_ = nullptr;
  auto why = detail(reason).what;
  for (auto& waiting : pending) {
    auto code = number++ < first_unsent_ ? errc::in_doubt : errc::connection_lost;
    if (waiting.done && !abandoned_)
      waiting.done(fail(code, "the connection closed before the answer came: " + why));
  }
  if (!abandoned_)
    closed(std::move(reason));
}

void connection::core::close_broken(const boost::system::error_code& code) {
  auto ended = code == asio::error::eof || code == asio::ssl::error::stream_truncated;
  close(fail(errc::connection_lost,
             ended ? server() + " closed the connection"
                   : "the connection to " + server() + " broke: " + internal::reason(code)));
}

} // namespace dbs::redis
