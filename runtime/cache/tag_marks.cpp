#include "dbs/runtime/cache/tag_marks.hpp"

#include <algorithm>
#include <utility>

namespace dbs::cache {

std::optional<version> tag_marks::find(std::string_view tag, time_point now) const {
  for (auto* half : {&younger_, &older_})
    if (auto i = half->find(tag); i != half->end() && now < i->second.until)
      return i->second.mark;
  return std::nullopt;
}

void tag_marks::learn(std::string_view tag, const version& mark, time_point now, time_point until) {
  auto latest = std::max(mark, find(tag, now).value_or(version{}));
  if (auto i = younger_.find(tag); i != younger_.end()) {
    i->second = {latest, until};
    return;
  }
  if (younger_.size() >= max_tags / 2)
    older_ = std::exchange(younger_, {});
  younger_.emplace(tag, known{latest, until});
}

} // namespace dbs::cache
