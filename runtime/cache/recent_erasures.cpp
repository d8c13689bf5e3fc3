#include "dbs/runtime/cache/recent_erasures.hpp"

#include <algorithm>

namespace dbs::cache {

bool recent_erasures::has_room_for(const cache_invalidate& what, wall_time now) {
  auto& all = what.scope == cache_scope::tag ? tags_ : prefixes_;
  if (all.size() < max_texts || all.contains(what.text))
    return true;
  std::erase_if(all, [now](auto& x) { return x.second.until <= now; });
  if (what.scope == cache_scope::prefix) {
    lengths_.clear();
    for (auto& x : prefixes_)
      ++lengths_[x.first.size()];
  }
  return all.size() < max_texts;
}

void recent_erasures::add(const cache_invalidate& what, const version& vers, wall_time until) {
  if (what.scope == cache_scope::tag)
    tags_[what.text] = {vers, until};
  else if (prefixes_.insert_or_assign(what.text, mark{vers, until}).second)
    ++lengths_[what.text.size()];
}

bool recent_erasures::is_newer(const marks& all, std::string_view text, const version& than) {
  auto i = all.find(std::string{text});
  return i != all.end() && than < i->second.vers;
}

bool recent_erasures::cover(std::string_view key, const stored_value& found) const {
  if (!tags_.empty() && std::any_of(found.tags.begin(), found.tags.end(),
                                    [&](auto& tag) { return is_newer(tags_, tag, found.vers); }))
    return true;
  return std::any_of(lengths_.begin(), lengths_.end(), [&](auto& x) {
    return x.first <= key.size() && is_newer(prefixes_, key.substr(0, x.first), found.vers);
  });
}

} // namespace dbs::cache
