// The table of a shard: key to entry, read without a lock.
//
// Open addressing with linear probing over slots of eight bytes: 48 bits of address and 16
// bits of the hash, so that a probe looks at one cache line and then at the right entry.
// An entry is taken out by moving those behind it back (Knuth, vol. 3, 6.4, algorithm R),
// so that there are no graves to be cleaned.
//
// One writer at a time, under the shard's lock, and any number of readers. What a reader
// finds is right. What it does not find may have been moved past it; therefore it looks at
// a sequence number before and after (a sequence lock, as in Linux), and tries again if
// entries were moved meanwhile. Slots are loaded and stored sequentially consistently, as
// `reader_slots` asks for.
#pragma once

#include "dbs/runtime/cache/entry.hpp"
#include "dbs/runtime/cache/internal/l1_pages.hpp"
#include "dbs/runtime/cache/reader_slots.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace dbs::cache {

class entry_index {
public:
  /// The hash of a key: 32 bits say where it is looked for, and stay with the entry; 16
  /// others are in the slot.
  static uint32_t place(uint64_t hash) noexcept { return static_cast<uint32_t>(hash); }
  static uint16_t tag(uint64_t hash) noexcept { return static_cast<uint16_t>(hash >> 32); }

  /// What it has of `pages` at its end goes with these. Throws `std::bad_alloc`.
  entry_index(l1_pages& pages, reader_slots& readers);

  entry_index(const entry_index&) = delete;
  entry_index& operator=(const entry_index&) = delete;

  // -- for readers, pinned or under the lock -----------------------------------------

  /// nullptr if there is none. `settled` is false if writers were so busy that this could
  /// not be found out; then it is to be asked again under the lock.
  entry* find(uint64_t hash, std::string_view key, bool& settled) const noexcept;

  // -- for the writer ----------------------------------------------------------------

  /// Under the lock, readers or not.
  entry* find(uint64_t hash, std::string_view key) const noexcept;

  /// How large a table is that has to be made before another entry comes in; 0 as a rule.
  /// `expected` is the number of entries that there may be: the table grows to that at once
  /// if that is near.
  size_t growth(size_t expected) const noexcept;

  /// How large a table would do where this one is far too large; 0 as a rule.
  size_t shrinkage() const noexcept;

  /// Moves to a table of so many bytes. False if the kernel has no memory.
  bool rebuild(size_t bytes) noexcept;

  /// A key that is not in; `growth` is 0.
  void insert(uint64_t hash, entry& e) noexcept;

  /// `old` is in.
  void replace(entry& old, entry& by) noexcept;

  /// `e` is in.
  void erase(entry& e) noexcept;

  size_t count() const noexcept { return count_; }

  /// Of the tables, including those that readers may still look at.
  size_t memory_bytes() const noexcept { return bytes_; }

  /// Frees old tables that no reader looks at any more.
  void reclaim(uint64_t oldest_reader) noexcept;

  bool reclaimable() const noexcept { return retired_front_ != nullptr; }

  /// The number of slots, and what is in one of them; for walks through the table.
  size_t slot_count() const noexcept { return table_.load(std::memory_order_relaxed)->size; }
  entry* at(size_t slot) const noexcept;

private:
  struct table {
    uint64_t size;
    size_t bytes;
    /// When it is retired.
    uint64_t tag;
    table* next;
    std::atomic<uint64_t>* slots() noexcept {
      return reinterpret_cast<std::atomic<uint64_t>*>(this + 1);
    }
  };

  table* make_table(size_t bytes) noexcept;
  size_t bytes_for(size_t entries) const noexcept;
  static size_t capacity(const table& t) noexcept { return t.size - t.size / 4; }
  static size_t home(const table& t, uint32_t place) noexcept {
    return uint64_t{place} * t.size >> 32;
  }
  static void put(table& t, uint32_t place, uint64_t slot) noexcept;
  static entry* probe(table& t, uint64_t hash, std::string_view key) noexcept;

  size_t slot_of(const entry& e) const noexcept;

  /// Readers look at this all the time, and at the rest when they miss.
  alignas(64) std::atomic<table*> table_{nullptr};

  /// Odd while entries are moved.
  alignas(64) std::atomic<uint64_t> moves_{0};
  l1_pages& pages_;
  reader_slots& readers_;
  size_t count_ = 0;
  size_t bytes_ = 0;
  /// The oldest in front.
  table* retired_front_ = nullptr;
  table* retired_back_ = nullptr;
};

} // namespace dbs::cache
