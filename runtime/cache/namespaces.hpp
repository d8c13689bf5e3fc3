// Namespaces of keys: who loads their values, and how long they live.
#pragma once

#include "dbs/messages/cache/cache.hpp"

#include <caf/expected.hpp>
#include <caf/timespan.hpp>

#include <chrono>
#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace dbs::cache {

using load_function = cache_load_function;

/// A statement with one column, and no or one row: the value. Its parameters are the parts of
/// the key behind the namespace, between ':', as text; the last one takes the rest.
///
///     sql_loader{"select name from product where id = $1::bigint"} // product:42
struct sql_loader {
  std::string statement;
  /// Parts of the key, at least 1 and at most 16.
  size_t parameters = 1;
};

/// Nobody: keys of the namespace are only put.
using cache_loader = std::variant<std::monostate, cache_loader_actor, load_function, sql_loader>;

struct namespace_options {
  cache_loader loader;
  /// How long what is loaded is fresh, if the loader does not say; without it `cache.l2_ttl`.
  std::optional<caf::timespan> ttl;
  /// How long it is remembered that there is nothing; 0 remembers nothing.
  caf::timespan negative_ttl = std::chrono::seconds{30};
  /// For how long past its time a value is served at once, while it is loaded anew.
  caf::timespan stale_while_revalidate{0};
  /// For how long past its time a value is served when the loader fails, or is late.
  caf::timespan stale_on_error{0};
  /// Whether the table in PostgreSQL has it, too. It is off for what is loaded from a database
  /// anyway. To be said by all processes, before keys of the namespace are used: what the table
  /// has from before is not removed with them where this is off.
  bool in_l3 = false;
  /// Memory of this process alone has it: neither Redis nor the table is asked or told. To be said
  /// before keys of the namespace are used. Then one call may bring its own loader. What is
  /// evicted is gone, and the invalidation of a tag may take values with other tags along.
  bool node_local = false;
};

/// By name. From any thread; what is found stays as it is.
class namespaces {
public:
  static constexpr size_t max_count = 1000;

  /// Replaces what was registered with the name. `invalid_argument`, `overloaded`.
  caf::error add(std::string name, namespace_options options);

  /// Whether a call for `key` may bring its own loader.
  bool takes_loader(std::string_view key) const;

  /// Null if nothing is registered for the namespace of `key`.
  std::shared_ptr<const namespace_options> find(std::string_view key) const;

private:
  mutable std::mutex mutex_;
  std::map<std::string, std::shared_ptr<const namespace_options>, std::less<>> all_;
};

} // namespace dbs::cache
