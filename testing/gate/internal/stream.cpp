#include "dbs/testing/gate/internal/stream.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>

#include <algorithm>

namespace dbs::testing::internal {

using boost::system::error_code;

stream::stream(stream_owner& owner, socket& from, socket& to, const link_faults& faults,
               link_counters& counters, size_t buffer_bytes)
    : owner_(owner), from_(from), to_(to), faults_(faults), counters_(counters),
      buffer_bytes_(buffer_bytes), timer_(from.get_executor()) {}

void stream::run() {
  timer_.cancel();
  read();
  deliver();
}

void stream::drain() {
  draining_ = true;
  timer_.cancel();
  read();
}

void stream::stop() {
  draining_ = true;
  at_end_ = true;
  timer_.cancel();
}

void stream::break_off() {
  at_end_ = true;
  if (draining_) {
    owner_.on_done();
  } else if (finished_) {
    owner_.on_reset();
  } else {
    queue_.push_back({news::reset, clock::now(), {}});
    deliver();
  }
}

void stream::read() {
  if (reading_ || at_end_ || (!draining_ && queued_ >= buffer_bytes_))
    return;
  reading_ = true;
  auto room = draining_ ? input_.size() : std::min(input_.size(), buffer_bytes_ - queued_);
  from_.async_read_some(boost::asio::buffer(input_.data(), room),
                        [this, alive = owner_.shared_from_this()](error_code error, size_t size) {
                          reading_ = false;
                          on_read(error, size);
                        });
}

void stream::on_read(error_code error, size_t size) {
  if (error && error != boost::asio::error::eof) {
    break_off();
    return;
  }
  at_end_ = at_end_ || error.failed();
  if (draining_) {
    if (at_end_)
      owner_.on_done();
    read();
    return;
  }
  queue_.push_back({at_end_ ? news::end : news::bytes, clock::now(), {input_.data(), size}});
  queued_ += size;
  deliver();
  read();
}

size_t stream::next_part(const chunk& front) const {
  auto size = front.bytes.size() - front.sent;
  if (faults_.part > 0)
    size = std::min(size, faults_.part);
  // A limited link delivers a little every 10 ms rather than a lot now and then.
  if (faults_.bytes_per_second > 0)
    size = std::min(size, std::max<size_t>(faults_.bytes_per_second / 100, 1));
  if (faults_.close_after)
    size = std::min(size, *faults_.close_after - delivered_);
  return size;
}

void stream::lose_queue() {
  has_hole_ = true;
  for (const auto& lost : queue_)
    counters_.dropped += lost.bytes.size() - lost.sent;
  queue_.clear();
  queued_ = 0;
  if (done())
    owner_.on_done();
  else
    read();
}

void stream::deliver() {
  while (!draining_ && !finished_ && !waiting_for_room_ && !faults_.hold) {
    if (faults_.close_after && delivered_ >= *faults_.close_after) {
      owner_.on_used_up();
      return;
    }
    if (queue_.empty())
      return;
    if (faults_.drop || has_hole_) {
      lose_queue();
      return;
    }
    auto& front = queue_.front();
    auto due = std::max(front.arrived + faults_.delay, next_write_);
    if (due > clock::now()) {
      sleep_until(due);
      return;
    }
    if (front.what == news::reset) {
      owner_.on_reset();
      return;
    }
    if (front.what == news::end) {
      finished_ = true;
      error_code ignored;
      to_.shutdown(socket::shutdown_send, ignored);
      owner_.on_done();
      return;
    }
    if (!write(front))
      return;
  }
}

/// Writes at once where it can, rather than start a write that ends some time: what
/// a peer has received is then always counted.
bool stream::write(chunk& front) {
  error_code error;
  auto size =
      to_.write_some(boost::asio::buffer(front.bytes.data() + front.sent, next_part(front)), error);
  if (error == boost::asio::error::would_block) {
    wait_for_room();
    return false;
  }
  if (error) {
    lose_queue();
    owner_.on_write_failed(*this);
    return false;
  }
  counters_.bytes += size;
  counters_.writes += 1;
  delivered_ += size;
  queued_ -= size;
  front.sent += size;
  if (front.sent == front.bytes.size())
    queue_.pop_front();
  next_write_ = clock::now();
  if (faults_.bytes_per_second > 0)
    next_write_ += std::chrono::nanoseconds{std::nano::den * size / faults_.bytes_per_second};
  if (faults_.part > 0)
    next_write_ += faults_.gap;
  read();
  return true;
}

void stream::wait_for_room() {
  waiting_for_room_ = true;
  to_.async_wait(socket::wait_write, [this, alive = owner_.shared_from_this()](error_code) {
    waiting_for_room_ = false;
    deliver();
  });
}

void stream::sleep_until(clock::time_point when) {
  timer_.expires_at(when);
  timer_.async_wait([this, alive = owner_.shared_from_this()](error_code error) {
    if (!error)
      deliver();
  });
}

} // namespace dbs::testing::internal
