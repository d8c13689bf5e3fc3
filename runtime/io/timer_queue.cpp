#include "dbs/runtime/io/timer_queue.hpp"

#include <utility>

namespace dbs {

timer_queue::timer_queue(std::function<time_point()> now,
                         std::function<void(time_point)> on_earlier)
    : now_(std::move(now)), on_earlier_(std::move(on_earlier)) {}

timer_queue::timer_id timer_queue::schedule(time_point at, callback fn) {
  uint32_t index = 0;
  if (free_.empty()) {
    index = static_cast<uint32_t>(slots_.size());
    slots_.emplace_back();
  } else {
    index = free_.back();
    free_.pop_back();
  }
  auto& entry = slots_[index];
  entry.at = at;
  entry.order = order_++;
  entry.fn = std::move(fn);
  timer_id result{index, entry.generation};
  heap_.push_back(index);
  entry.position = static_cast<uint32_t>(heap_.size() - 1);
  sift_up(entry.position);
  if (heap_.front() == index)
    on_earlier_(at);
  return result;
}

bool timer_queue::cancel(timer_id& id) {
  auto what = std::exchange(id, timer_id{});
  if (!what || slots_[what.slot].generation != what.generation)
    return false;
  remove(what.slot);
  return true;
}

void timer_queue::clear() {
  // Destroyed when the queue is in order again: what callbacks own may cancel timers.
  std::vector<callback> forgotten;
  forgotten.reserve(heap_.size());
  while (!heap_.empty())
    forgotten.push_back(remove(heap_.back()));
}

std::optional<timer_queue::time_point> timer_queue::next() const {
  if (heap_.empty())
    return std::nullopt;
  return slots_[heap_.front()].at;
}

size_t timer_queue::expire(time_point now) {
  size_t result = 0;
  while (!heap_.empty() && slots_[heap_.front()].at <= now) {
    auto fn = remove(heap_.front());
    fn();
    ++result;
  }
  return result;
}

bool timer_queue::before(uint32_t x, uint32_t y) const noexcept {
  auto& a = slots_[x];
  auto& b = slots_[y];
  return a.at != b.at ? a.at < b.at : a.order < b.order;
}

void timer_queue::place(uint32_t position, uint32_t slot_index) {
  heap_[position] = slot_index;
  slots_[slot_index].position = position;
}

void timer_queue::sift_up(uint32_t position) {
  auto moving = heap_[position];
  while (position > 0) {
    auto parent = (position - 1) / 2;
    if (!before(moving, heap_[parent]))
      break;
    place(position, heap_[parent]);
    position = parent;
  }
  place(position, moving);
}

void timer_queue::sift_down(uint32_t position) {
  auto moving = heap_[position];
  auto size = static_cast<uint32_t>(heap_.size());
  for (;;) {
    auto child = 2 * position + 1;
    if (child >= size)
      break;
    if (child + 1 < size && before(heap_[child + 1], heap_[child]))
      ++child;
    if (!before(heap_[child], moving))
      break;
    place(position, heap_[child]);
    position = child;
  }
  place(position, moving);
}

timer_queue::callback timer_queue::remove(uint32_t slot_index) {
  auto& entry = slots_[slot_index];
  auto position = entry.position;
  auto last = heap_.back();
  heap_.pop_back();
  if (last != slot_index) {
    place(position, last);
    sift_up(position);
    sift_down(slots_[last].position);
  }
  if (++entry.generation == 0)
    entry.generation = 1;
  free_.push_back(slot_index);
  return std::exchange(entry.fn, nullptr);
}

} // namespace dbs
