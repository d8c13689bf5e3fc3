// Erasures of many keys at a time: by a prefix, or by a tag.
#include "dbs/messages/error_detail.hpp"
#include "dbs/runtime/cache/cache_core.hpp"
#include "dbs/runtime/cache/key_rules.hpp"
#include "dbs/runtime/cache/limits.hpp"

#include <algorithm>
#include <utility>

namespace dbs::cache {

using namespace std::chrono_literals;

namespace {

/// Many keys may begin with a prefix.
constexpr caf::timespan erasure_timeout = 1min;

/// With the writes that it waits for.
constexpr caf::timespan longest_erasure = erasure_timeout + 30s;

bool is_meant(const cache_invalidate& what, std::string_view key, const stored_value& content) {
  return what.scope == cache_scope::prefix
             ? key.starts_with(what.text)
             : std::find(content.tags.begin(), content.tags.end(), what.text) != content.tags.end();
}

} // namespace

void cache_core::invalidate(const cache_invalidate& what, time_point deadline,
                            request_token token) {
  auto is_prefix = what.scope == cache_scope::prefix;
  auto refused = check_name(is_prefix ? "prefix" : "tag", what.text,
                            is_prefix ? max_key_bytes : stored_value::max_tag_bytes);
  auto now = timers_.now();
  if (!refused && !memory_->erasures.has_room_for(what, now)) {
    ++memory_->counts.overloaded;
    refused = fail(errc::overloaded, "too many prefixes or tags are invalidated at a time",
                   {{"invalidations", static_cast<int64_t>(recent_erasures::max_texts)}});
  }
  if (!refused)
    refused = admit(1, deadline);
  if (refused)
    return owner_.on_done(token, std::move(refused));
  ++memory_->counts.invalidations;
  auto vers = memory_->versions.next();
  memory_->erasures.add(what, vers, now + longest_erasure + erasure_ttl(settings_));
  erase_here(what);
  auto index = erasures_.take();
  erasures_[index] = {what, vers, token, deadline};
  // Older writes on their way could come about behind it: levels know the versions of keys,
  // and not those of prefixes and tags.
  writes_.for_each([&](write_op& op) {
    if (is_meant(what, op.key, op.content)) {
      op.awaited_by.push_back(index);
      ++erasures_[index].awaited;
    }
  });
  if (erasures_[index].awaited == 0)
    send_erasure(index);
}

void cache_core::send_erasure(size_t index) {
  auto& op = erasures_[index];
  if (op.what.scope == cache_scope::prefix && is_here_alone(op.what.text)) {
    op.open = 1;
    return end_erasure_part(index, caf::unit);
  }
  auto l3_is_used = settings_.l3_enabled;
  op.open = l3_is_used ? 2 : 1;
  // Whoever waits may have given up; it has to come about all the same.
  auto by = timers_.now() + erasure_timeout;
  auto tell = [&](cache_level* level, const char* missing) {
    auto token = token_of(op_kind::erasure, index);
    if (level == nullptr)
      end_erasure_part(index, fail(errc::connection_lost, missing));
    else if (op.what.scope == cache_scope::prefix)
      level->erase_prefix(op.what.text, op.vers, by, *this, token);
    else
      level->erase_tag(op.what.text, op.vers, by, *this, token);
  };
  tell(l2_->get(), "the second level of the cache is not there");
  if (l3_is_used)
    tell(l3_->get(), "the third level of the cache is not there");
}

/// Whether all keys that begin with `prefix` are of a namespace that memory alone has.
bool cache_core::is_here_alone(std::string_view prefix) const {
  return prefix.find(':') != std::string_view::npos &&
         levels_of(memory_->names.find(prefix).get()) == no_level;
}

void cache_core::erase_here(const cache_invalidate& what) {
  if (what.scope == cache_scope::prefix) {
    detach_all(what.text);
    memory_->l1.erase_prefix(what.text);
  } else {
    // Which tags will be found is not known: see `is_erased`, and `load_again`.
    auto bits = tag_bits(what.text);
    memory_->l1.erase_tagged(bits);
    flights_.for_each([bits](cache_flight& f) {
      if (f.stale && (f.stale_tags & bits) == bits)
        f.stale.reset();
    });
  }
}

void cache_core::on_erased(level_token token, caf::expected<void> what) {
  owner_.enter([&] { end_erasure_part(token & index_mask, std::move(what)); });
}

void cache_core::answer_erasure(erase_op& op) {
  if (op.token == no_token)
    return;
  --waiting_;
  owner_.on_done(std::exchange(op.token, no_token),
                 op.failure ? caf::expected<void>{std::exchange(op.failure, {})}
                            : caf::expected<void>{caf::unit});
}

void cache_core::end_erasure_part(size_t index, caf::expected<void> what) {
  auto& op = erasures_[index];
  if (!what && !op.failure)
    op.failure = what.error();
  if (--op.open > 0)
    return;
  answer_erasure(op);
  erasures_.give_back(index);
  end_drain_if_idle();
}

} // namespace dbs::cache
