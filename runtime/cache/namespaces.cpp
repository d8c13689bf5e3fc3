#include "dbs/runtime/cache/namespaces.hpp"

#include "dbs/messages/error_detail.hpp"
#include "dbs/runtime/cache/key_rules.hpp"

#include <utility>

namespace dbs::cache {

namespace {

constexpr size_t max_name_bytes = 64;
constexpr caf::timespan max_window = std::chrono::hours{24 * 3650};

caf::error check(const std::string& name, const namespace_options& options) {
  auto refuse = [&name](const std::string& why) {
    return fail(errc::invalid_argument, "namespace '" + name + "': " + why);
  };
  if (auto refused = check_name("namespace", name, max_name_bytes))
    return refused;
  if (name.find(':') != std::string::npos)
    return refuse("a namespace has no ':'");
  auto in_range = [](caf::timespan x) { return x >= caf::timespan{0} && x <= max_window; };
  if (options.ttl && (*options.ttl < std::chrono::milliseconds{1} || !in_range(*options.ttl)))
    return refuse("ttl is from 1 ms to 3650 days");
  if (!in_range(options.negative_ttl) || !in_range(options.stale_while_revalidate) ||
      !in_range(options.stale_on_error))
    return refuse("times are from 0 to 3650 days");
  if (options.node_local && options.in_l3)
    return refuse("what is node_local is not in_l3");
  if (auto* actor = std::get_if<cache_loader_actor>(&options.loader); actor && !*actor)
    return refuse("the loader is no actor");
  if (auto* function = std::get_if<load_function>(&options.loader); function && !*function)
    return refuse("the loader is an empty function");
  if (auto* sql = std::get_if<sql_loader>(&options.loader))
    if (sql->statement.empty() || sql->parameters < 1 || sql->parameters > 16)
      return refuse("an SQL loader has a statement with 1 to 16 parameters");
  return {};
}

} // namespace

caf::error namespaces::add(std::string name, namespace_options options) {
  if (auto refused = check(name, options))
    return refused;
  auto made = std::make_shared<const namespace_options>(std::move(options));
  std::lock_guard guard{mutex_};
  if (all_.size() >= max_count && !all_.contains(name))
    return fail(errc::overloaded, "there are " + std::to_string(max_count) + " namespaces already");
  std::swap(all_[std::move(name)], made); // what was there goes behind the lock
  return {};
}

bool namespaces::takes_loader(std::string_view key) const {
  auto options = find(key);
  return options && options->node_local;
}

std::shared_ptr<const namespace_options> namespaces::find(std::string_view key) const {
  std::lock_guard guard{mutex_};
  auto i = all_.find(namespace_of(key));
  return i != all_.end() ? i->second : nullptr;
}

} // namespace dbs::cache
