// A queue of entries that are linked through themselves; the oldest is in front.
#pragma once

#include "dbs/runtime/cache/entry.hpp"

#include <cstddef>

namespace dbs::cache {

/// For whoever holds the lock of the entries. Does not own them.
class entry_queue {
public:
  explicit entry_queue(entry_place place) noexcept : place_(place) {}

  entry_queue(const entry_queue&) = delete;
  entry_queue& operator=(const entry_queue&) = delete;

  bool empty() const noexcept { return count_ == 0; }
  size_t count() const noexcept { return count_; }
  size_t bytes() const noexcept { return bytes_; }
  entry* front() const noexcept { return front_; }

  void push_back(entry& e) noexcept {
    link(e, back_, nullptr);
    ++count_;
    bytes_ += e.bytes();
  }

  void remove(entry& e) noexcept {
    (e.prev != nullptr ? e.prev->next : front_) = e.next;
    (e.next != nullptr ? e.next->prev : back_) = e.prev;
    forget(e);
    --count_;
    bytes_ -= e.bytes();
  }

  /// Not of an empty queue.
  entry& pop_front() noexcept {
    auto& result = *front_;
    remove(result);
    return result;
  }

  /// Puts `by` where `old` is.
  void replace(entry& old, entry& by) noexcept {
    link(by, old.prev, old.next);
    forget(old);
    bytes_ += by.bytes() - old.bytes();
  }

private:
  void link(entry& e, entry* prev, entry* next) noexcept {
    e.prev = prev;
    e.next = next;
    e.where = place_;
    (prev != nullptr ? prev->next : front_) = &e;
    (next != nullptr ? next->prev : back_) = &e;
  }

  static void forget(entry& e) noexcept {
    e.prev = e.next = nullptr;
    e.where = entry_place::none;
  }

  entry_place place_;
  entry* front_ = nullptr;
  entry* back_ = nullptr;
  size_t count_ = 0;
  size_t bytes_ = 0;
};

} // namespace dbs::cache
