// The cache for actors and for plain threads: what `services.cache()` returns.
#pragma once

#include "dbs/actors/client/blocking_cache.hpp"
#include "dbs/actors/client/cache_answers.hpp"
#include "dbs/actors/client/call_options.hpp"
#include "dbs/actors/client/pending_request.hpp"
#include "dbs/messages/cache/cache.hpp"
#include "dbs/runtime/cache/cache_memory.hpp"
#include "dbs/runtime/caf/mail.hpp"

#include <caf/error.hpp>

#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace dbs {

/// A small, copyable client of the cache. Valid for the life of the services, whatever
/// restarts behind it; may be copied to any thread.
///
///     cache.get(self, "product:42")
///       .then([](const cache_value& x) { if (x) use(x.value); }, [](const caf::error& why) { ...
///       });
///
/// Keys are 1 to 512 bytes of UTF-8; what stands before the first ':' is the namespace.
/// What memory has is answered on the caller's thread, before `then` returns.
class cache_client {
public:
  cache_client(cache_actor cache, std::shared_ptr<cache::cache_memory> memory,
               call_options options = {})
      : cache_(std::move(cache)), memory_(std::move(memory)), options_(options) {}

  /// For those who want messages. Memory is looked into there, not on the caller's thread.
  const cache_actor& actor() const noexcept { return cache_; }

  /// A client whose calls must be answered within `timeout`.
  cache_client within(caf::timespan timeout) const {
    auto options = options_;
    options.timeout = timeout;
    return {cache_, memory_, options};
  }

  // -- reading -------------------------------------------------------------------------

  /// Copies a value that memory has, and asks nobody else: some ten nanoseconds, on any thread.
  bool find(std::string_view key, std::string& to) const {
    return read(key, [&to](std::string_view value) { to.assign(value); });
  }

  /// The same without a copy: calls `use(std::string_view)`, which is to be short, and must not
  /// call the cache.
  template <class Use>
  bool read(std::string_view key, Use&& use) const {
    auto found = false;
    memory_->read_fresh(key, [&](const cache::l1_view& view) {
      if (view.meta.kind == cache::entry_kind::value) {
        found = true;
        use(view.value);
      }
    });
    return found;
  }

  /// The handler gets a `cache_value`; a key that is not there is not an error.
  template <class Self>
  auto get(Self* self, std::string key) const {
    return ask(self, cache_get{std::move(key), false, false, true});
  }

  /// What no level knows is loaded by the loader of the key's namespace.
  template <class Self>
  auto get_or_load(Self* self, std::string key) const {
    return ask(self, cache_get{std::move(key), true, false, true});
  }

  /// The same with a loader for this call, for keys of a namespace that is `node_local`. Whoever
  /// asks for the key meanwhile gets what it loads. Runs on a thread where it may block. Error
  /// besides those of others: `invalid_argument` for other namespaces, and an empty function.
  template <class Self>
  auto get_or_load(Self* self, std::string key, cache_load_function loader) const {
    return ask(self, cache_get{std::move(key), true, false, true}, std::move(loader));
  }

  /// The handler gets a bool.
  template <class Self>
  auto exists(Self* self, std::string key) const {
    return internal::existence_answer{ask(self, cache_get{std::move(key), false, true, true})};
  }

  /// The handler gets a `std::vector<cache_value>` in the order of the keys. What memory does
  /// not have takes one round trip for each level.
  template <class Self>
  auto mget(Self* self, std::vector<std::string> keys) const {
    return ask_many(self, std::move(keys), false);
  }

  template <class Self>
  auto mget_or_load(Self* self, std::vector<std::string> keys) const {
    return ask_many(self, std::move(keys), true);
  }

  // -- writing -------------------------------------------------------------------------

  /// The handler gets nothing. Says with `what` how long it is fresh, which tags it has, and
  /// how far it has to come before the answer.
  template <class Self>
  auto set(Self* self, cache_put what) const {
    return send(self, put_atom_v, std::move(what));
  }

  template <class Self>
  auto set(Self* self, std::string key, std::string_view value) const {
    return set(self, cache_put{std::move(key), blob{value}});
  }

  template <class Self>
  auto mset(Self* self, std::vector<cache_put> entries) const {
    return send(self, put_atom_v, cache_put_many{std::move(entries)});
  }

  /// The handler gets whether there was a value, as far as that was known by the answer.
  template <class Self>
  auto erase(Self* self, std::string key, cache_reach reach = cache_reach::l2) const {
    return send(self, erase_atom_v, cache_erase{std::move(key), reach});
  }

  /// The same, answered when no level has the key any more.
  template <class Self>
  auto invalidate(Self* self, std::string key) const {
    return erase(self, std::move(key), cache_reach::l3);
  }

  /// The handlers of these get nothing.
  template <class Self>
  auto invalidate_prefix(Self* self, std::string prefix) const {
    return send(self, invalidate_atom_v, cache_invalidate{cache_scope::prefix, std::move(prefix)});
  }

  template <class Self>
  auto invalidate_tag(Self* self, std::string tag) const {
    return send(self, invalidate_atom_v, cache_invalidate{cache_scope::tag, std::move(tag)});
  }

  /// All keys `name:...`.
  template <class Self>
  auto clear(Self* self, const std::string& name) const {
    return invalidate_prefix(self, name + ":");
  }

  // -- operating -----------------------------------------------------------------------

  /// Says how the keys of a namespace are loaded, and how long they live. From any thread, at
  /// once, for the life of the services. Error: `invalid_argument`, `overloaded`.
  caf::error register_loader(std::string name, cache::namespace_options options) const {
    return memory_->names.add(std::move(name), std::move(options));
  }

  /// The handler gets `cache_stats`.
  template <class Self>
  auto get_stats(Self* self) const {
    return send(self, report_atom_v);
  }

  /// Sets how many entries memory may have; what is there stays. The handlers of these two get
  /// `cache_sizes`.
  template <class Self>
  auto increase_l1_size(Self* self, uint64_t entries) const {
    return send(self, tune_atom_v, cache_tuning{entries, false});
  }

  /// Adjusts the number of connections to Redis, within the limits of its pool, to how quickly
  /// it answers.
  template <class Self>
  auto optimize_l2_connections(Self* self) const {
    return send(self, tune_atom_v, cache_tuning{{}, true});
  }

  /// A client that blocks the calling thread. Never use it inside an actor.
  blocking_cache sync(caf::actor_system& system) const {
    return {system, cache_, memory_, options_};
  }

private:
  template <class Self, class Verb, class... Ts>
  auto send(Self* self, Verb verb, Ts&&... xs) const {
    return pending_request{
        mail(self, verb, options_.context(self->system()), std::forward<Ts>(xs)...)
            .request(cache_, caf::infinite)};
  }

  /// @param loader is one for this call, or nothing.
  template <class Self, class... Loader>
  auto ask(Self* self, cache_get what, Loader... loader) const {
    using request = std::conditional_t<sizeof...(Loader) == 0, cache_get, cache_get_with>;
    using answer = internal::value_answer<decltype(send(self, get_atom_v, request{}))>;
    // What is to be refused is so whether memory has the key or not.
    auto may_look = (... && (loader && memory_->names.takes_loader(what.key)));
    if (auto here = may_look ? memory_->look_up(what.key, what.without_value) : std::nullopt)
      return answer{std::move(*here)};
    return answer{send(self, get_atom_v, request{std::move(what), std::move(loader)...})};
  }

  template <class Self>
  auto ask_many(Self* self, std::vector<std::string> keys, bool load) const {
    using pending = decltype(send(self, get_atom_v, cache_get_many{}));
    internal::found_values found{*memory_, keys};
    if (found.complete())
      return internal::values_answer<pending>{std::move(found)};
    return internal::values_answer<pending>{
        std::move(found), send(self, get_atom_v, cache_get_many{std::move(keys), load, true})};
  }

  cache_actor cache_;
  std::shared_ptr<cache::cache_memory> memory_;
  call_options options_;
};

} // namespace dbs
