#include "dbs/runtime/cache/internal/page_range.hpp"

#include <sys/mman.h>

#include <algorithm>
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
      reserved_bytes_((words_.size() * word_bits + 1) * slot_bytes) {
  // Not to be touched yet, so that the kernel does not count it as promised memory.
  reserved_ = mmap(nullptr, reserved_bytes_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (reserved_ == MAP_FAILED)
    throw std::bad_alloc{};
  // A huge page would be more memory than was taken. A kernel that refuses has none.
  madvise(reserved_, reserved_bytes_, MADV_NOHUGEPAGE);
  auto before = -reinterpret_cast<uintptr_t>(reserved_) & (slot_bytes - 1);
  begin_ = static_cast<char*>(reserved_) + before;
}

page_range::page_range(page_range&& other) noexcept
    : slot_bytes_(other.slot_bytes_), words_(std::move(other.words_)),
      reserved_bytes_(other.reserved_bytes_), reserved_(std::exchange(other.reserved_, nullptr)),
      begin_(other.begin_), usable_(other.usable_), first_free_word_(other.first_free_word_) {}

page_range::~page_range() {
  if (reserved_ != nullptr)
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
  if (madvise(memory, bytes, MADV_DONTNEED) != 0)
    return false;
  auto first = static_cast<size_t>(static_cast<char*>(memory) - begin_) / slot_bytes_;
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
    if ((word >> i % word_bits & 1U) != 0)
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

void page_range::mark(size_t first, size_t many, bool taken) noexcept {
  for (auto i = first; i < first + many; ++i) {
    auto bit = uint64_t{1} << i % word_bits;
    if (taken)
      words_[i / word_bits] |= bit;
    else
      words_[i / word_bits] &= ~bit;
  }
}

} // namespace dbs::cache
