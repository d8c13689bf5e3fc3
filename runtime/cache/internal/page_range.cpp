#include "dbs/runtime/cache/internal/page_range.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <cstddef>
#include <new>
#include <utility>

namespace dbs::cache {

namespace {

constexpr size_t word_bits = 64;

/// More than a process can have addresses for.
constexpr size_t max_bytes = size_t{1} << 48;

size_t words_for(size_t slots, size_t slot_bytes) {
  if (slots >= max_bytes / slot_bytes)
    throw std::bad_alloc{};
  return (slots + word_bits - 1) / word_bits;
}

} // namespace

page_range::page_range(size_t slots, size_t slot_bytes)
    : slot_bytes_(slot_bytes), words_(words_for(slots, slot_bytes)),
      blocks_((words_.size() * word_bits + block_slots() - 1) / block_slots()),
      reserved_bytes_(words_.size() * word_bits * slot_bytes + huge_page_bytes) {
  // Not to be touched yet, so that the kernel does not count it as promised memory.
  reserved_ = mmap(nullptr, reserved_bytes_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (reserved_ == MAP_FAILED)
    throw std::bad_alloc{};
  // A kernel that refuses has no huge pages.
  madvise(reserved_, reserved_bytes_, MADV_NOHUGEPAGE);
  auto before = -reinterpret_cast<uintptr_t>(reserved_) & (huge_page_bytes - 1);
  begin_ = static_cast<char*>(reserved_) + before;
}

page_range::~page_range() {
  munmap(reserved_, reserved_bytes_);
}

void* page_range::take(size_t bytes) noexcept {
  auto many = slots_for(bytes);
  auto first = free_run(many);
  if (first + many > slots() || !make_usable(first + many))
    return nullptr;
  mark(first, many, true);
  return begin_ + first * slot_bytes_;
}

bool page_range::give_back(void* memory, size_t bytes) noexcept {
  if (!drop(memory, bytes))
    return false;
  auto first = offset_of(memory) / slot_bytes_;
  mark(first, slots_for(bytes), false);
  first_free_word_ = std::min(first_free_word_, first / word_bits);
  return true;
}

/// The lowest, so that what is in use lies close together; beyond the end if there is none.
size_t page_range::free_run(size_t many) noexcept {
  while (first_free_word_ < words_.size() && words_[first_free_word_] == UINT64_MAX)
    ++first_free_word_;
  auto first = first_free_word_ * word_bits;
  for (auto i = first; i < slots() && i < first + many;) {
    auto word = words_[i / word_bits];
    if (i % word_bits == 0 && (word == 0 || word == UINT64_MAX)) {
      i += word_bits;
      if (word != 0)
        first = i;
      continue;
    }
    if (taken(i))
      first = i + 1;
    ++i;
  }
  return first;
}

/// The front of the range may be written to, the rest not: two mappings.
bool page_range::make_usable(size_t many) noexcept {
  if (many <= usable_)
    return true;
  auto wanted = std::min((many + word_bits - 1) / word_bits * word_bits, slots());
  if (mprotect(begin_ + usable_ * slot_bytes_, (wanted - usable_) * slot_bytes_,
               PROT_READ | PROT_WRITE) != 0)
    return false;
  usable_ = wanted;
  return true;
}

void page_range::mark(size_t first, size_t many, bool now_taken) noexcept {
  for (auto i = first; i < first + many; ++i) {
    auto bit = uint64_t{1} << i % word_bits;
    if (now_taken)
      words_[i / word_bits] |= bit;
    else
      words_[i / word_bits] &= ~bit;
  }
}

bool page_range::drop(void* memory, size_t bytes) noexcept {
  auto first = blocks_.begin() + static_cast<ptrdiff_t>(offset_of(memory) / huge_page_bytes);
  auto last =
      blocks_.begin() + static_cast<ptrdiff_t>((offset_of(memory) + bytes - 1) / huge_page_bytes);
  // What is taken out of a huge page is not free before the kernel splits that, which it puts
  // off until memory is short (Documentation/mm/transhuge.rst). This advice splits it at once.
  if (std::any_of(first, last + 1, [](auto x) { return x >= block_state::collapsing; }))
    madvise(memory, bytes, MADV_COLD);
  if (madvise(memory, bytes, MADV_DONTNEED) != 0)
    return false;
  std::replace_if(
      first, last + 1, [](auto x) { return x != block_state::collapsing; }, block_state::changed);
  return true;
}

// -- huge pages --------------------------------------------------------------------

bool page_range::is_full(size_t block) const noexcept {
  for (auto i = block * block_slots(); i < (block + 1) * block_slots(); ++i)
    if (!taken(i))
      return false;
  return true;
}

void* page_range::next_full() noexcept {
  auto many = usable_ / block_slots();
  if (many == 0)
    return nullptr;
  hand_ = hand_ + 1 < many ? hand_ + 1 : 0;
  auto& state = blocks_[hand_];
  if (state >= block_state::collapsing || !is_full(hand_))
    return nullptr;
  // What comes and goes is not worth a huge page each time.
  if (state == block_state::changed) {
    state = block_state::full;
    return nullptr;
  }
  state = block_state::collapsing;
  return begin_ + hand_ * huge_page_bytes;
}

void page_range::settle(void* block, bool is_huge) noexcept {
  auto which = offset_of(block) / huge_page_bytes;
  blocks_[which] = is_huge ? block_state::huge : block_state::changed;
  for (auto i = which * block_slots(); i < (which + 1) * block_slots(); ++i)
    if (!taken(i))
      drop(begin_ + i * slot_bytes_, slot_bytes_);
}

} // namespace dbs::cache
