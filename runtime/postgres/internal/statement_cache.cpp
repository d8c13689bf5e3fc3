#include "dbs/runtime/postgres/internal/statement_cache.hpp"

#include <algorithm>
#include <utility>

namespace dbs::postgres::internal {

statement_cache::entry* statement_cache::find(std::string_view sql) {
  auto found = index_.find(sql);
  if (found == index_.end())
    return nullptr;
  entries_.splice(entries_.begin(), entries_, found->second);
  return &*found->second;
}

statement_cache::entry& statement_cache::insert(entry what) {
  if (full()) {
    auto& victim = entries_.back();
    index_.erase(victim.sql);
    doomed_.push_back(std::move(victim.name));
    entries_.pop_back();
  }
  entries_.push_front(std::move(what));
  index_.emplace(entries_.front().sql, entries_.begin());
  return entries_.front();
}

void statement_cache::forget() {
  for (auto& what : entries_)
    doomed_.push_back(std::move(what.name));
  index_.clear();
  entries_.clear();
}

void statement_cache::clear() {
  index_.clear();
  entries_.clear();
  doomed_.clear();
}

std::vector<std::string> statement_cache::take_doomed(size_t limit) {
  auto count = static_cast<std::ptrdiff_t>(std::min(limit, doomed_.size()));
  std::vector<std::string> result{std::make_move_iterator(doomed_.begin()),
                                  std::make_move_iterator(doomed_.begin() + count)};
  doomed_.erase(doomed_.begin(), doomed_.begin() + count);
  return result;
}

} // namespace dbs::postgres::internal
