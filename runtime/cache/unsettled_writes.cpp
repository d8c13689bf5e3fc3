#include "dbs/runtime/cache/unsettled_writes.hpp"

namespace dbs::cache {

unsettled_writes::state* unsettled_writes::find(std::string_view key, const version& vers) {
  auto i = all_.find(key);
  return i != all_.end() && i->second.vers == vers ? &i->second : nullptr;
}

void unsettled_writes::begin(std::string_view key, const version& vers, level_set levels) {
  auto& x = all_[std::string{key}];
  // What failed before, and is not written now, is still to be removed.
  x = {vers, levels, without(x.failed | x.open, levels)};
}

void unsettled_writes::begin_removal(const failed_write& what) {
  auto& x = all_.find(what.key)->second;
  x = {what.vers, x.open | what.levels, without(x.failed, what.levels)};
}

void unsettled_writes::renew(std::string_view key, const version& vers, const version& newer) {
  if (auto* x = find(key, vers))
    x->vers = newer;
}

bool unsettled_writes::is_latest(std::string_view key, const version& vers) const {
  auto i = all_.find(key);
  return i != all_.end() && i->second.vers == vers;
}

void unsettled_writes::settle(std::string_view key, const version& vers, level_set level) {
  auto* x = find(key, vers);
  if (x == nullptr)
    return;
  x->open = without(x->open, level);
  x->failed = without(x->failed, level);
  if (x->open == no_level && x->failed == no_level)
    all_.erase(std::string{key});
}

void unsettled_writes::fail(std::string_view key, const version& vers, level_set level) {
  if (auto* x = find(key, vers)) {
    x->open = without(x->open, level);
    x->failed = x->failed | level;
  }
}

void unsettled_writes::spoil(std::string_view key, const version& vers, level_set levels) {
  auto& x = all_[std::string{key}];
  if (x.vers < vers)
    x = {vers, no_level, x.failed | x.open | levels};
}

void unsettled_writes::fail_all() noexcept {
  for (auto& [key, x] : all_) {
    x.failed = x.failed | x.open;
    x.open = no_level;
  }
}

version unsettled_writes::missing_on(std::string_view key, level_set level) const {
  if (all_.empty())
    return {};
  auto i = all_.find(key);
  auto is_missing = i != all_.end() && ((i->second.open | i->second.failed) & level) != no_level;
  return is_missing ? i->second.vers : version{};
}

std::vector<unsettled_writes::failed_write> unsettled_writes::failed(size_t most,
                                                                     level_set there) const {
  std::vector<failed_write> result;
  for (auto& [key, x] : all_) {
    if (result.size() == most)
      break;
    auto levels = x.failed & there;
    if (x.open != no_level || levels == no_level)
      continue;
    auto vers = x.vers;
    ++vers.sequence;
    result.push_back({key, vers, levels});
  }
  return result;
}

} // namespace dbs::cache
