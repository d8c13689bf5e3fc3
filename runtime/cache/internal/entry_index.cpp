#include "dbs/runtime/cache/internal/entry_index.hpp"

#include <new>

namespace dbs::cache {

namespace {

static_assert(sizeof(void*) == 8, "addresses have 48 bits, as on x86-64 and AArch64");

constexpr uint64_t address_mask = (uint64_t{1} << 48) - 1;

constexpr auto seq_cst = std::memory_order_seq_cst;

entry* entry_of(uint64_t slot) noexcept {
  return reinterpret_cast<entry*>(static_cast<uintptr_t>(slot & address_mask));
}

uint64_t slot_for(uint64_t tag_bits, const entry& e) noexcept {
  return tag_bits | (reinterpret_cast<uintptr_t>(&e) & address_mask);
}

/// So often a reader tries before it takes the lock.
constexpr int max_tries = 8;

} // namespace

entry_index::entry_index(l1_pages& pages, reader_slots& readers)
    : pages_(pages), readers_(readers), bytes_(bytes_for(0)) {
  table_.store(make_table(bytes_));
  if (table_.load() == nullptr)
    throw std::bad_alloc{};
}

entry_index::table* entry_index::make_table(size_t bytes) noexcept {
  auto* memory = pages_.tables(bytes).take(bytes);
  if (memory == nullptr)
    return nullptr;
  // Pages come zeroed: every slot is empty.
  auto size = (bytes - sizeof(table)) / sizeof(uint64_t);
  return new (memory) table{size, bytes, 0, nullptr};
}

// -- reading -----------------------------------------------------------------------

entry* entry_index::probe(table& t, uint64_t hash, std::string_view key) noexcept {
  auto wanted = uint64_t{tag(hash)};
  auto* slots = t.slots();
  auto i = home(t, place(hash));
  // A quarter of the slots is empty. But while entries are moved, a reader could see none.
  for (uint64_t seen = 0; seen < t.size; ++seen) {
    auto slot = slots[i].load(seq_cst);
    if (slot == 0)
      return nullptr;
    if (slot >> 48 == wanted) {
      auto* e = entry_of(slot);
      // The key is behind the header; the value may reach into the next line.
      __builtin_prefetch(reinterpret_cast<const char*>(e) + 64);
      __builtin_prefetch(reinterpret_cast<const char*>(e) + 128);
      if (e->hash() == place(hash) && e->key() == key)
        return e;
    }
    if (++i == t.size)
      i = 0;
  }
  return nullptr;
}

entry* entry_index::find(uint64_t hash, std::string_view key, bool& settled) const noexcept {
  settled = true;
  if (auto* e = probe(*table_.load(seq_cst), hash, key))
    return e;
  for (auto i = 0; i < max_tries; ++i) {
    auto before = moves_.load(seq_cst);
    if (before % 2 != 0)
      continue;
    auto* e = probe(*table_.load(seq_cst), hash, key);
    if (e != nullptr || moves_.load(seq_cst) == before)
      return e;
  }
  settled = false;
  return nullptr;
}

entry* entry_index::find(uint64_t hash, std::string_view key) const noexcept {
  return probe(*table_.load(std::memory_order_relaxed), hash, key);
}

entry* entry_index::at(size_t slot) const noexcept {
  return entry_of(table_.load(std::memory_order_relaxed)->slots()[slot].load(seq_cst));
}

// -- writing -----------------------------------------------------------------------

size_t entry_index::bytes_for(size_t entries) const noexcept {
  return pages_.table_bytes(sizeof(table) + (entries + entries / 3 + 2) * sizeof(uint64_t));
}

size_t entry_index::growth(size_t expected) const noexcept {
  if (count_ < capacity(*table_.load(std::memory_order_relaxed)))
    return 0;
  auto half_more = count_ + count_ / 2 + 1;
  // All at once if that is not much more than half as much.
  return bytes_for(expected > count_ && expected / 5 <= half_more / 4 ? expected : half_more);
}

void entry_index::put(table& t, uint32_t place, uint64_t slot) noexcept {
  auto i = home(t, place);
  while (t.slots()[i].load(std::memory_order_relaxed) != 0)
    if (++i == t.size)
      i = 0;
  t.slots()[i].store(slot, seq_cst);
}

size_t entry_index::shrinkage() const noexcept {
  auto enough = bytes_for(count_ + count_ / 2);
  return enough < table_.load(std::memory_order_relaxed)->bytes / 4 ? enough : 0;
}

bool entry_index::rebuild(size_t bytes) noexcept {
  auto* old = table_.load(std::memory_order_relaxed);
  auto* fresh = make_table(bytes);
  if (fresh == nullptr)
    return false;
  for (uint64_t i = 0; i < old->size; ++i)
    if (auto slot = old->slots()[i].load(std::memory_order_relaxed); slot != 0)
      put(*fresh, entry_of(slot)->hash(), slot);
  // A reader that is still in the old table sees what was when it began.
  table_.store(fresh, seq_cst);
  old->tag = readers_.retire_tag();
  (retired_front_ != nullptr ? retired_back_->next : retired_front_) = old;
  retired_back_ = old;
  bytes_ += bytes;
  return true;
}

void entry_index::insert(uint64_t hash, entry& e) noexcept {
  put(*table_.load(std::memory_order_relaxed), e.hash(), slot_for(uint64_t{tag(hash)} << 48, e));
  ++count_;
}

size_t entry_index::slot_of(const entry& e) const noexcept {
  auto& t = *table_.load(std::memory_order_relaxed);
  auto i = home(t, e.hash());
  while (entry_of(t.slots()[i].load(std::memory_order_relaxed)) != &e)
    if (++i == t.size)
      i = 0;
  return i;
}

void entry_index::replace(entry& old, entry& by) noexcept {
  auto& slot = table_.load(std::memory_order_relaxed)->slots()[slot_of(old)];
  slot.store(slot_for(slot.load(std::memory_order_relaxed) & ~address_mask, by), seq_cst);
}

void entry_index::erase(entry& e) noexcept {
  auto& t = *table_.load(std::memory_order_relaxed);
  auto* slots = t.slots();
  auto gap = slot_of(e);
  moves_.store(moves_.load(std::memory_order_relaxed) + 1, seq_cst);
  auto i = gap;
  while (true) {
    if (++i == t.size)
      i = 0;
    auto slot = slots[i].load(std::memory_order_relaxed);
    if (slot == 0)
      break;
    auto wanted = home(t, entry_of(slot)->hash());
    // Whether the way from `wanted` to `i` leads over the gap.
    auto passes = wanted <= i ? wanted <= gap && gap < i : wanted <= gap || gap < i;
    if (passes) {
      slots[gap].store(slot, seq_cst);
      gap = i;
    }
  }
  slots[gap].store(0, seq_cst);
  moves_.store(moves_.load(std::memory_order_relaxed) + 1, seq_cst);
  --count_;
}

void entry_index::reclaim(uint64_t oldest_reader) noexcept {
  while (retired_front_ != nullptr && retired_front_->tag < oldest_reader) {
    auto* old = retired_front_;
    auto* next = old->next;
    auto bytes = old->bytes;
    if (!pages_.tables(bytes).give_back(old, bytes))
      return;
    bytes_ -= bytes;
    retired_front_ = next;
  }
}

} // namespace dbs::cache
