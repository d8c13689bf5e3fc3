// Commands, replies and the end of a connection; login.cpp has its beginning.
#include "dbs/runtime/redis/connection.hpp"

#include "dbs/messages/error_detail.hpp"
#include "dbs/runtime/redis/socket_transport.hpp"

#include <algorithm>
#include <utility>

namespace dbs::redis {

namespace {

/// How much is put together for one write.
constexpr size_t write_size = size_t{64} << 10;

/// How much is given to the parser at a time: whenever it has done a kilobyte it moves the rest.
constexpr size_t parsed_at_once = 2048;

/// "*3\r\n"
void append_header(std::string& to, size_t words) {
  to += '*';
  to += std::to_string(words);
  to += "\r\n";
}

} // namespace

connection::connection(const redis_settings& settings, const reply_limits& limits,
                       timer_queue& timers, const transport_factory& make_transport,
                       connection_observer& observer)
    : settings_(settings), timers_(timers), observer_(observer), transport_(make_transport(*this)),
      reader_(limits), heard_(timers.now()) {}

connection::~connection() {
  timers_.cancel(connect_timer_);
}

std::string connection::server() const {
  return "redis at " + endpoint_name(settings_.target.address);
}

// -- commands ------------------------------------------------------------------------

void connection::send(flight&& what) {
  unflushed_bytes_ += what.command.bytes();
  pending_.push_back(std::move(what));
  if (!congested_ && !std::exchange(announced_, true))
    observer_.on_unflushed(*this);
}

/// Puts commands together that have not been sent. Those that nobody waits for any more
/// have been taken off before.
void connection::gather() {
  out_.erase(0, std::exchange(taken_, 0));
  while (sent_ < pending_.size() && out_.size() < write_size) {
    auto& next = pending_[sent_++];
    auto before = out_.size();
    append_header(out_, next.command.words());
    out_ += next.command.bulks();
    next.wire_size = out_.size() - before;
    unflushed_bytes_ -= next.command.bytes();
  }
}

void connection::flush() {
  announced_ = false;
  congested_ = false;
  while (usable()) {
    if (taken_ == out_.size())
      gather();
    if (out_.empty())
      break;
    auto taken = transport_->write(std::string_view{out_}.substr(taken_));
    if (!taken)
      return close(std::move(taken.error()));
    if (*taken == 0) {
      congested_ = true;
      return;
    }
    taken_ += *taken;
  }
  // A large one leaves no buffer of its size behind.
  if (out_.capacity() > 4 * write_size)
    out_.shrink_to_fit();
}

connection::time_point connection::expire(time_point now, const taken_off& expired) {
  auto earliest = time_point::max();
  drop(
      [&](const flight& x) {
        if (x.deadline > now)
          earliest = std::min(earliest, x.deadline);
        return x.deadline <= now;
      },
      [&](const flight& late, bool sent) {
        if (sent)
          overdue_ = std::min(overdue_, late.deadline);
        expired(late, sent);
      });
  return earliest;
}

void connection::drop(const std::function<bool(const flight& what)>& which,
                      const taken_off& taken) {
  for (size_t i = 0; i < pending_.size() && usable();) {
    auto& x = pending_[i];
    if (!x.wanted() || !which(x)) {
      ++i;
      continue;
    }
    auto sent = i < sent_;
    flight dropped;
    if (sent) {
      // Its place stays, for the reply.
      dropped = std::exchange(x, {});
      x.wire_size = dropped.wire_size;
      ++i;
    } else {
      unflushed_bytes_ -= x.command.bytes();
      dropped = std::move(x);
      pending_.erase(pending_.begin() + static_cast<std::ptrdiff_t>(i));
    }
    taken(dropped, sent);
  }
}

// -- replies -------------------------------------------------------------------------

void connection::on_readable() {
  while (usable()) {
    auto got = transport_->read(in_);
    if (!got)
      return close(std::move(got.error()));
    if (*got == 0)
      return;
    heard_ = timers_.now();
    overdue_ = time_point::max();
    for (std::string_view rest{in_.data(), *got}; !rest.empty() && usable();) {
      auto piece = rest.substr(0, parsed_at_once);
      rest.remove_prefix(piece.size());
      reader_.feed(piece);
      take_replies();
    }
    if (usable())
      observer_.on_heard(*this);
  }
}

void connection::on_writable() {
  if (usable())
    flush();
}

void connection::take_replies() {
  while (usable()) {
    auto next = reader_.next();
    if (!next) {
      auto info = detail(next.error());
      info.what = server() + " sent no acceptable reply: " + info.what;
      return close(fail(static_cast<errc>(next.error().code()), std::move(info)));
    }
    if (!*next)
      return;
    take(std::move(**next));
  }
}

void connection::take(redis_reply&& reply) {
  if (reply.type() == redis_type::push)
    return observer_.on_push(*this, std::move(reply));
  // A server that takes no clients says so before it is asked.
  if (sent_ == 0 && phase_ == phase::logging_in && reply.type() == redis_type::error)
    return refuse_login(reply);
  if (sent_ == 0)
    return close(fail(errc::protocol_error, server() + " sent a reply that nobody asked for"));
  auto answered = std::move(pending_.front());
  pending_.pop_front();
  --sent_;
  if (phase_ == phase::logging_in)
    on_login_reply(reply);
  else if (answered.wanted())
    observer_.on_reply(*this, std::move(answered), std::move(reply));
}

// -- the end -------------------------------------------------------------------------

void connection::close(caf::error reason) {
  if (!usable())
    return;
  phase_ = phase::closed;
  timers_.cancel(connect_timer_);
  transport_->close();
  // What was put together, but not even begun to be taken, has not been sent.
  for (auto end = out_.size(); sent_ > 0 && end > taken_; --sent_) {
    end -= pending_[sent_ - 1].wire_size;
    if (end < taken_)
      break;
  }
  observer_.on_closed(*this, std::move(reason), std::exchange(pending_, {}),
                      std::exchange(sent_, 0));
}

} // namespace dbs::redis
