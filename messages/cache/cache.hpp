// The public interface of the cache, and of the actors that load for it.
#pragma once

#include "dbs/messages/blob.hpp"
#include "dbs/messages/cache/stats.hpp"
#include "dbs/messages/call_context.hpp"

#include <caf/expected.hpp>
#include <caf/result.hpp>
#include <caf/typed_actor.hpp>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace dbs {

/// Where an answer comes from.
enum class cache_source : uint8_t { none, l1, l2, l3, loader };

std::string to_string(cache_source x);
bool from_string(caf::string_view in, cache_source& out);
bool from_integer(uint8_t in, cache_source& out);

template <class Inspector>
bool inspect(Inspector& f, cache_source& x) {
  return caf::default_enum_inspect(f, x);
}

/// How far a write has to come before it is answered. It goes to all levels in any case.
enum class cache_reach : uint8_t {
  /// This process: nobody here reads anything older.
  l1,
  /// Redis, too.
  l2,
  /// The table in PostgreSQL, too; as `l2` where there is none.
  l3,
};

std::string to_string(cache_reach x);
bool from_string(caf::string_view in, cache_reach& out);
bool from_integer(uint8_t in, cache_reach& out);

template <class Inspector>
bool inspect(Inspector& f, cache_reach& x) {
  return caf::default_enum_inspect(f, x);
}

/// What the cache knows of a key.
struct cache_value {
  /// False: the key is not there, or it is known that there is nothing to be had.
  bool found = false;
  blob value = {};
  /// `none` if no level knew the key.
  cache_source source = cache_source::none;
  /// Past its time, and served since nothing better was to be had, or not soon enough.
  bool stale = false;

  explicit operator bool() const noexcept { return found; }
};

template <class Inspector>
bool inspect(Inspector& f, cache_value& x) {
  return f.object(x).fields(f.field("found", x.found), f.field("value", x.value),
                            f.field("source", x.source), f.field("stale", x.stale));
}

struct cache_get {
  std::string key;
  /// Has the loader of the key's namespace called where no level knows the key.
  bool load = false;
  /// Leaves the bytes out of the answer.
  bool without_value = false;
  /// Whoever asks has looked into memory already, without success: L1 is not asked again.
  bool looked = false;
};

template <class Inspector>
bool inspect(Inspector& f, cache_get& x) {
  return f.object(x).fields(f.field("key", x.key), f.field("load", x.load),
                            f.field("without_value", x.without_value), f.field("looked", x.looked));
}

/// What a loader has found.
struct cache_loaded {
  /// False: there is nothing, which is remembered for the namespace's `negative_ttl`.
  bool found = false;
  blob value = {};
  /// How long it is fresh; without it as long as the namespace says.
  std::optional<caf::timespan> ttl = {};
  std::vector<std::string> tags = {};
};

template <class Inspector>
bool inspect(Inspector& f, cache_loaded& x) {
  return f.object(x).fields(f.field("found", x.found), f.field("value", x.value),
                            f.field("ttl", x.ttl), f.field("tags", x.tags));
}

/// Loads the value of a key, which it is given whole. Runs on a thread where it may block. What it
/// throws is `query_failed`.
using cache_load_function = std::function<caf::expected<cache_loaded>(const std::string& key)>;

/// A key with a loader for this one call. A function stays on its node: sent to another one it
/// arrives empty, and is refused there.
struct cache_get_with {
  cache_get what;
  cache_load_function loader = {};
};

template <class Inspector>
bool inspect(Inspector& f, cache_get_with& x) {
  return f.object(x).fields(f.field("what", x.what));
}

struct cache_get_many {
  static constexpr size_t max_keys = 10'000;

  std::vector<std::string> keys;
  bool load = false;
  /// As that of `cache_get`, for all keys.
  bool looked = false;
};

template <class Inspector>
bool inspect(Inspector& f, cache_get_many& x) {
  return f.object(x).fields(f.field("keys", x.keys), f.field("load", x.load),
                            f.field("looked", x.looked));
}

struct cache_put {
  std::string key;
  blob value = {};
  /// How long the value is fresh; without it `cache.l2_ttl`.
  std::optional<caf::timespan> ttl = {};
  std::vector<std::string> tags = {};
  cache_reach reach = cache_reach::l2;
  /// Remembers that there is nothing; `value` is empty.
  bool negative = false;
};

template <class Inspector>
bool inspect(Inspector& f, cache_put& x) {
  return f.object(x).fields(f.field("key", x.key), f.field("value", x.value), f.field("ttl", x.ttl),
                            f.field("tags", x.tags), f.field("reach", x.reach),
                            f.field("negative", x.negative));
}

struct cache_put_many {
  static constexpr size_t max_entries = 10'000;

  std::vector<cache_put> entries;
};

template <class Inspector>
bool inspect(Inspector& f, cache_put_many& x) {
  return f.object(x).fields(f.field("entries", x.entries));
}

struct cache_erase {
  std::string key;
  cache_reach reach = cache_reach::l2;
};

template <class Inspector>
bool inspect(Inspector& f, cache_erase& x) {
  return f.object(x).fields(f.field("key", x.key), f.field("reach", x.reach));
}

/// Which entries an invalidation means.
enum class cache_scope : uint8_t {
  /// All whose key begins with it.
  prefix,
  /// All that were put with it.
  tag,
};

std::string to_string(cache_scope x);
bool from_string(caf::string_view in, cache_scope& out);
bool from_integer(uint8_t in, cache_scope& out);

template <class Inspector>
bool inspect(Inspector& f, cache_scope& x) {
  return caf::default_enum_inspect(f, x);
}

struct cache_invalidate {
  cache_scope scope = cache_scope::prefix;
  std::string text;
};

template <class Inspector>
bool inspect(Inspector& f, cache_invalidate& x) {
  return f.object(x).fields(f.field("scope", x.scope), f.field("text", x.text));
}

/// - `get` asks the levels one after the other, and the loader if that is wished. A key
///   that is not there is an answer, not an error. With many keys there is one answer for
///   each, in their order. A loader may be brought along for keys of a namespace that is
///   `node_local`.
/// - `put` stores, `erase` removes, on all levels. `erase` says whether there was
///   a value, as far as that is known when it is answered. `put` with many entries is answered when
///   all are done, with the first error if there was one: the others are stored.
/// - `invalidate` removes what a prefix or a tag means, on all levels. An error says that
///   this may not have come about on one of them; it may be repeated.
/// - `report` answers with the figures of all levels.
/// - `tune` changes sizes while everything runs.
///
/// Errors: `invalid_argument`, `payload_too_large`, `not_found` (no loader), `overloaded`,
/// `deadline_exceeded`, `connection_lost`, `in_doubt`, `query_failed`, `draining`,
/// `restarted`, and whatever a loader answers with.
using cache_actor =
    caf::typed_actor<caf::result<cache_value>(get_atom, call_context, cache_get),
                     caf::result<cache_value>(get_atom, call_context, cache_get_with),
                     caf::result<std::vector<cache_value>>(get_atom, call_context, cache_get_many),
                     caf::result<void>(put_atom, call_context, cache_put),
                     caf::result<void>(put_atom, call_context, cache_put_many),
                     caf::result<bool>(erase_atom, call_context, cache_erase),
                     caf::result<void>(invalidate_atom, call_context, cache_invalidate),
                     caf::result<cache_stats>(report_atom, call_context),
                     caf::result<cache_sizes>(tune_atom, call_context, cache_tuning)>;

/// An actor that loads the values of a namespace: it is given the whole key, and a context
/// with the cache's own deadline.
using cache_loader_actor =
    caf::typed_actor<caf::result<cache_loaded>(load_atom, call_context, std::string)>;

} // namespace dbs
