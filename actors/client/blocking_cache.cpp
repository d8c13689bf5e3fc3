#include "dbs/actors/client/blocking_cache.hpp"

#include "dbs/actors/client/cache_answers.hpp"

#include <utility>

namespace dbs {

namespace {

caf::error error_of(const caf::expected<void>& what) {
  return what ? caf::error{} : what.error();
}

} // namespace

blocking_cache::blocking_cache(caf::actor_system& system, cache_actor cache,
                               std::shared_ptr<cache::cache_memory> memory, call_options options)
    : self_(system), cache_(std::move(cache)), memory_(std::move(memory)), options_(options) {}

caf::expected<cache_value> blocking_cache::get(const std::string& key) {
  if (auto here = memory_->look_up(key))
    return std::move(*here);
  return ask<cache_value>(get_atom_v, cache_get{key, false, false, true});
}

caf::expected<cache_value> blocking_cache::get_or_load(const std::string& key) {
  if (auto here = memory_->look_up(key))
    return std::move(*here);
  return ask<cache_value>(get_atom_v, cache_get{key, true, false, true});
}

caf::expected<cache_value> blocking_cache::get_or_load(const std::string& key,
                                                       cache_load_function loader) {
  // What is to be refused is so whether memory has the key or not.
  if (loader && memory_->names.takes_loader(key))
    if (auto here = memory_->look_up(key))
      return std::move(*here);
  return ask<cache_value>(get_atom_v, cache_get_with{{key, true, false, true}, std::move(loader)});
}

caf::expected<std::vector<cache_value>> blocking_cache::mget(std::vector<std::string> keys) {
  internal::found_values found{*memory_, keys};
  if (!found.complete()) {
    auto rest =
        ask<std::vector<cache_value>>(get_atom_v, cache_get_many{std::move(keys), false, true});
    if (!rest)
      return std::move(rest.error());
    found.add(*rest);
  }
  return std::move(found.all());
}

caf::error blocking_cache::set(cache_put what) {
  return error_of(ask<void>(put_atom_v, std::move(what)));
}

caf::error blocking_cache::mset(std::vector<cache_put> entries) {
  return error_of(ask<void>(put_atom_v, cache_put_many{std::move(entries)}));
}

caf::expected<bool> blocking_cache::erase(const std::string& key, cache_reach reach) {
  return ask<bool>(erase_atom_v, cache_erase{key, reach});
}

caf::error blocking_cache::invalidate_prefix(const std::string& prefix) {
  return error_of(ask<void>(invalidate_atom_v, cache_invalidate{cache_scope::prefix, prefix}));
}

caf::error blocking_cache::invalidate_tag(const std::string& tag) {
  return error_of(ask<void>(invalidate_atom_v, cache_invalidate{cache_scope::tag, tag}));
}

caf::expected<cache_stats> blocking_cache::get_stats() {
  return ask<cache_stats>(report_atom_v);
}

caf::expected<cache_sizes> blocking_cache::tune(const cache_tuning& what) {
  return ask<cache_sizes>(tune_atom_v, what);
}

} // namespace dbs
