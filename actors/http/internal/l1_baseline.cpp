#include "dbs/actors/http/internal/l1_baseline.hpp"

#include "dbs/actors/http/internal/asking.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <string_view>
#include <utility>

namespace dbs::internal {

namespace {

constexpr std::string_view value = "test_value";

/// Null if there is none.
nlohmann::json in_ms(caf::timespan x) {
  if (x == caf::infinite)
    return nullptr;
  return std::chrono::duration<double, std::milli>{x}.count();
}

http_response report(std::vector<caf::timespan> took) {
  std::sort(took.begin(), took.end());
  auto median = took[took.size() / 2];
  auto misses = std::count(took.begin(), took.end(), caf::timespan{caf::infinite});
  return json_response({{"key", l1_baseline::key},
                        {"rounds", took.size()},
                        {"misses", misses},
                        {"l1_ms", {{"p50", in_ms(median)}, {"max", in_ms(took.back())}}},
                        {"limit_ms", in_ms(l1_baseline::limit)},
                        {"passed", median < l1_baseline::limit}});
}

} // namespace

void l1_baseline::run(caf::timespan delay, const http_responder& answer) {
  if (current_) {
    answer.answer(to_response(fail(errc::overloaded, "L1 is being measured for somebody else")));
    return;
  }
  current_.emplace(measurement{answer, delay, now() + budget});
  set();
}

void l1_baseline::set() {
  current_->began = now();
  cache_put what{key, blob{value}, std::chrono::minutes{1}};
  what.reach = cache_reach::l1;
  auto then = [this] {
    if (current_->delay.count() == 0)
      get();
    else
      self_->timers().schedule_after(current_->delay, [this] { get(); });
  };
  ask(self_, cache_.actor(), put_atom_v, std::move(what)).then(then, [this](const caf::error& why) {
    current_->failure = without_caf(why);
    remove();
  });
}

void l1_baseline::get() {
  auto is_right = false;
  cache_.read(key, [&is_right](std::string_view found) { is_right = found == value; });
  auto at = now();
  current_->took.push_back(is_right ? at - current_->began : caf::timespan{caf::infinite});
  if (current_->took.size() < max_rounds && at < current_->until)
    set();
  else
    remove();
}

void l1_baseline::remove() {
  ask(self_, cache_.actor(), erase_atom_v, cache_erase{key, cache_reach::l1})
      .then([this](bool) { finish(); },
            [this](const caf::error& why) {
              if (!current_->failure)
                current_->failure = without_caf(why);
              finish();
            });
}

void l1_baseline::finish() {
  auto done = std::move(*current_);
  current_.reset();
  done.answer.answer(done.failure ? to_response(done.failure) : report(std::move(done.took)));
}

} // namespace dbs::internal
