#include "dbs/runtime/cache/recent_erasures.hpp"

#include <algorithm>
#include <chrono>
#include <string>

namespace dbs::cache {

void recent_erasures::forget_old(time_point now) {
  if (now < looked_through_ + std::chrono::seconds{1})
    return;
  looked_through_ = now;
  auto is_old = [now](auto& x) { return x.second.until <= now; };
  std::erase_if(tags_, is_old);
  std::erase_if(prefixes_, is_old);
  lengths_.clear();
  for (auto& x : prefixes_)
    lengths_.insert(x.first.size());
}

bool recent_erasures::has_room_for(const cache_invalidate& what, time_point now) {
  forget_old(now);
  auto& all = what.scope == cache_scope::tag ? tags_ : prefixes_;
  return all.size() < max_texts || all.find(what.text) != all.end();
}

void recent_erasures::add(const cache_invalidate& what, const version& vers, time_point until) {
  if (what.scope == cache_scope::tag)
    tags_[what.text] = {vers, until};
  else if (prefixes_.insert_or_assign(what.text, mark{vers, until}).second)
    lengths_.insert(what.text.size());
}

bool recent_erasures::is_newer(const marks& all, std::string_view text, const version& than,
                               time_point now) {
  auto i = all.find(text);
  return i != all.end() && than < i->second.vers && now < i->second.until;
}

bool recent_erasures::cover(std::string_view key, const stored_value& found, time_point now) const {
  if (!tags_.empty() && std::any_of(found.tags.begin(), found.tags.end(), [&](auto& tag) {
        return is_newer(tags_, tag, found.vers, now);
      }))
    return true;
  return std::any_of(lengths_.begin(), lengths_.end(), [&](size_t length) {
    return length <= key.size() && is_newer(prefixes_, key.substr(0, length), found.vers, now);
  });
}

} // namespace dbs::cache
