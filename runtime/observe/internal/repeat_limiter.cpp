#include "dbs/runtime/observe/internal/repeat_limiter.hpp"

#include <algorithm>
#include <utility>

namespace dbs::observe::internal {

namespace {

/// Messages are told apart by this much of them; it bounds the table's memory.
constexpr size_t compared_bytes = 256;

} // namespace

repeat_limiter::repeat_limiter(uint32_t max_repeats, std::chrono::seconds window,
                               size_t max_remembered)
    : max_repeats_(std::max(max_repeats, 1u)), window_(window),
      max_remembered_(std::max(max_remembered, size_t{1})) {}

bool repeat_limiter::admit(time_point now, std::string_view component, log_level level,
                           std::string_view message, std::vector<report>& due) {
  // The wall clock may be set back.
  if (!next_sweep_ || now >= *next_sweep_ || now < *next_sweep_ - window_) {
    sweep(now, due);
    next_sweep_ = now + window_;
  }
  component = component.substr(0, compared_bytes);
  message = message.substr(0, compared_bytes);
  std::string key{component};
  key += '\0';
  key += static_cast<char>(level);
  key += message;
  auto i = entries_.find(key);
  if (i != entries_.end() && over(i->second, now)) {
    forget(i, due);
    i = entries_.end();
  }
  if (i == entries_.end()) {
    if (entries_.size() >= max_remembered_)
      forget(std::min_element(entries_.begin(), entries_.end(),
                              [](auto& x, auto& y) { return x.second.begin < y.second.begin; }),
             due);
    entry fresh{{std::string{component}, level, std::string{message}, 0}, now, 0};
    i = entries_.emplace(std::move(key), std::move(fresh)).first;
  }
  auto& found = i->second;
  if (found.admitted < max_repeats_) {
    ++found.admitted;
    return true;
  }
  ++found.what.suppressed;
  return false;
}

void repeat_limiter::flush(std::vector<report>& due) {
  for (auto i = entries_.begin(); i != entries_.end();)
    i = forget(i, due);
}

void repeat_limiter::sweep(time_point now, std::vector<report>& due) {
  for (auto i = entries_.begin(); i != entries_.end();)
    i = over(i->second, now) ? forget(i, due) : std::next(i);
}

repeat_limiter::entry_map::iterator repeat_limiter::forget(entry_map::iterator i,
                                                           std::vector<report>& due) {
  if (i->second.what.suppressed > 0)
    due.push_back(std::move(i->second.what));
  return entries_.erase(i);
}

bool repeat_limiter::over(const entry& x, time_point now) const {
  return now >= x.begin + window_ || now < x.begin;
}

} // namespace dbs::observe::internal
