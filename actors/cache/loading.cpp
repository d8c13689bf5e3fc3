// The ways in which values are loaded.
#include "dbs/actors/cache/cache.hpp"
#include "dbs/actors/client/pending_request.hpp"
#include "dbs/messages/error_detail.hpp"
#include "dbs/messages/postgres/type_oid.hpp"
#include "dbs/messages/postgres/types.hpp"
#include "dbs/runtime/cache/key_rules.hpp"

#include <exception>
#include <utility>

namespace dbs {

namespace {

call_context context_until(call_context::time_point deadline) {
  call_context result;
  result.deadline = deadline;
  return result;
}

/// The parts of the key behind its namespace; the last one has the rest.
caf::expected<pg_params> parameters_of(const std::string& key, size_t count) {
  auto rest = std::string_view{key}.substr(cache::namespace_of(key).size());
  pg_params result;
  for (size_t i = 0; i < count; ++i) {
    if (rest.empty())
      return fail(errc::invalid_argument, "the key has fewer parts than its loader has parameters",
                  {{"parameters", static_cast<int64_t>(count)}});
    rest.remove_prefix(1); // the ':'
    auto part = i + 1 < count ? rest.substr(0, rest.find(':')) : rest;
    result.add_text(part);
    rest.remove_prefix(part.size());
  }
  return result;
}

caf::expected<cache_loaded> value_of(const pg_result& rows) {
  if (rows.columns() != 1 || rows.rows() > 1)
    return fail(errc::invalid_argument,
                "a loader's statement has one column and at most one row, not " +
                    std::to_string(rows.columns()) + " and " + std::to_string(rows.rows()));
  cache_loaded result;
  if (rows.empty())
    return result;
  pg_row row = *rows.begin();
  if (row.is_null(0))
    return result;
  result.found = true;
  if (rows.column(0).type_oid == pg_oid::bytea) {
    auto bytes = row.get<blob>(0);
    if (!bytes)
      return std::move(bytes.error());
    result.value = std::move(*bytes);
  } else {
    result.value = blob{row.text(0)};
  }
  return result;
}

caf::expected<cache_loaded> run(const cache::load_function& loader, const std::string& key) {
  try {
    return loader(key);
  } catch (const std::exception& what) {
    return fail(errc::query_failed, std::string{"the loader has thrown: "} + what.what());
  } catch (...) {
    return fail(errc::query_failed, "the loader has thrown");
  }
}

} // namespace

void cache_state::load(load_token token, const cache::cache_loader& how, const std::string& key,
                       time_point deadline) {
  if (auto* actor = std::get_if<cache_loader_actor>(&how))
    load_from(*actor, token, key, deadline);
  else if (auto* function = std::get_if<cache::load_function>(&how))
    load_with(*function, token, key);
  else if (auto* sql = std::get_if<cache::sql_loader>(&how))
    load_by(*sql, token, key, deadline);
  else
    core_.loaded(token, fail(errc::not_found, "the namespace has no loader any more"));
}

void cache_state::load_from(const cache_loader_actor& loader, load_token token,
                            const std::string& key, time_point deadline) {
  // An actor that never answers must not be waited for, for ever.
  auto limit = options_.core.settings.load_timeout + std::chrono::seconds{1};
  pending_request{self_->mail(load_atom_v, context_until(deadline), key).request(loader, limit)}
      .then([this, token](cache_loaded& what) { core_.loaded(token, std::move(what)); },
            [this, token](caf::error why) { core_.loaded(token, std::move(why)); });
}

void cache_state::load_with(const cache::load_function& loader, load_token token,
                            const std::string& key) {
  auto result = std::make_shared<caf::expected<cache_loaded>>(caf::error{});
  caf::weak_actor_ptr weak{self_->ctrl()};
  auto done = [weak, result, token, this] {
    // `this` lives as long as the actor, which may have ended.
    if (auto guard = weak.lock())
      self_->enter([&] { core_.loaded(token, std::move(*result)); });
  };
  auto work = [loader, key, result] { *result = run(loader, key); };
  if (!functions_.submit(std::move(work), self_->io(), std::move(done)))
    core_.loaded(token, fail(errc::overloaded, "too many loaders wait for a thread"));
}

void cache_state::load_by(const cache::sql_loader& loader, load_token token, const std::string& key,
                          time_point deadline) {
  auto params = parameters_of(key, loader.parameters);
  if (!params)
    return core_.loaded(token, std::move(params.error()));
  pg_statement statement{loader.statement, std::move(*params)};
  statement.share = true;
  pending_request{self_->mail(execute_atom_v, context_until(deadline), std::move(statement))
                      .request(options_.database, caf::infinite)}
      .then([this, token](pg_result& rows) { core_.loaded(token, value_of(rows)); },
            [this, token](caf::error why) { core_.loaded(token, std::move(why)); });
}

} // namespace dbs
