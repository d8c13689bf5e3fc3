#include "workload.hpp"

#include "catalogue.hpp"
#include "zipf.hpp"

#include <caf/event_based_actor.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/stateful_actor.hpp>

#include <random>

namespace dbs::demo {

namespace {

constexpr int32_t rows_per_write = 1000;

using clock = std::chrono::steady_clock;

/// Reads mostly, through the cache; changes a price now and then, and buys in a transaction,
/// and then tells the cache. One operation at a time, until the time is over.
class shopper {
public:
  shopper(caf::event_based_actor* self, database_client database, cache_client cache,
          std::shared_ptr<workload_figures> figures, clock::time_point end, std::stop_token stop,
          uint32_t seed)
      : self_(self), database_(std::move(database)), cache_(std::move(cache)),
        figures_(std::move(figures)), end_(end), stop_(std::move(stop)), random_(seed) {}

  caf::behavior make_behavior() {
    next();
    return {[this](caf::tick_atom) { next(); }};
  }

private:
  void next() {
    started_ = clock::now();
    if (started_ >= end_ || stop_.stop_requested())
      return self_->quit();
    auto die = random_() % 100;
    if (die < 90)
      read_product();
    else if (die < 95)
      list_category();
    else if (die < 98)
      change_price();
    else
      purchase();
  }

  /// Products are popular in an order that has nothing to do with their ids, which
  /// begin at 1: the factor has no divisor in common with their number.
  int32_t product() {
    auto rank = static_cast<int64_t>(popularity_(random_));
    return static_cast<int32_t>(rank * 7919 % product_count + 1);
  }

  void read_product() {
    cache_.get_or_load(self_, key_of(product()))
        .then(
            [this](const cache_value& what) {
              auto source = static_cast<size_t>(what.source);
              figures_->by_source[source].record(clock::now() - started_);
              record(operation::read_product, what.found);
            },
            [this](const caf::error&) { record(operation::read_product, false); });
  }

  void list_category() {
    finish(operation::list_category,
           database_.execute(self_,
                             "SELECT id, name, price_cents FROM product WHERE category = $1 "
                             "ORDER BY id LIMIT 10",
                             static_cast<int32_t>(random_() % category_count)));
  }

  void change_price() {
    auto id = product();
    database_
        .execute(self_, "UPDATE product SET price_cents = $2 WHERE id = $1", id,
                 static_cast<int64_t>(100 + random_() % 100'000))
        .then([this, id](const pg_result&) { tell_cache(operation::change_price, id, true); },
              [this, id](const caf::error&) { tell_cache(operation::change_price, id, false); });
  }

  void purchase() {
    database_.checkout(self_).then(
        [this](pg_session session) {
          session_ = std::move(session);
          auto id = product();
          // Sent one behind the other; the pool runs them in order.
          session_.begin(self_).then([] {}, ignore_error);
          session_
              .execute(self_, "UPDATE product SET stock = greatest(stock - 1, 0) WHERE id = $1", id)
              .then(ignore_rows, ignore_error);
          session_.execute(self_, "INSERT INTO purchase (product, quantity) VALUES ($1, 1)", id)
              .then(ignore_rows, ignore_error);
          session_.commit(self_).then(
              [this, id] {
                session_.release();
                tell_cache(operation::purchase, id, true);
              },
              [this, id](const caf::error&) {
                session_.release();
                tell_cache(operation::purchase, id, false);
              });
        },
        [this](const caf::error&) { record(operation::purchase, false); });
  }

  /// What was changed is not read from the cache any more; nor what may have been: an error may
  /// hide that it was.
  void tell_cache(operation what, int32_t id, bool succeeded) {
    cache_.erase(self_, key_of(id))
        .then([this, what, succeeded](bool) { record(what, succeeded); },
              [this, what](const caf::error&) { record(what, false); });
  }

  static std::string key_of(int32_t id) { return "product:" + std::to_string(id); }

  // If a statement of the transaction fails, so does its commit, which is counted.
  static void ignore_rows(const pg_result&) {}
  static void ignore_error(const caf::error&) {}

  template <class Pending>
  void finish(operation what, Pending pending) {
    std::move(pending).then([this, what](const pg_result&) { record(what, true); },
                            [this, what](const caf::error&) { record(what, false); });
  }

  void record(operation what, bool succeeded) {
    if (succeeded) {
      figures_->latency[static_cast<size_t>(what)].record(clock::now() - started_);
      figures_->done.fetch_add(1, std::memory_order_relaxed);
    } else {
      figures_->failed.fetch_add(1, std::memory_order_relaxed);
    }
    // What memory has is answered at once: not one call in another for ever.
    self_->send(self_, caf::tick_atom_v);
  }

  caf::event_based_actor* self_;
  database_client database_;
  cache_client cache_;
  std::shared_ptr<workload_figures> figures_;
  clock::time_point end_;
  std::stop_token stop_;
  clock::time_point started_{};
  std::minstd_rand random_;
  zipf popularity_{product_count};
  pg_session session_;
};

} // namespace

caf::error ended_early() {
  return fail(errc::draining, "the demonstration was ended early");
}

caf::error load_catalogue(caf::actor_system& system, const database_client& database,
                          const std::stop_token& stop,
                          const std::function<void(int32_t)>& on_progress) {
  auto sync = database.sync(system);
  for (auto& statement : schema())
    if (auto made = sync.run({statement, {}, false}); !made)
      return std::move(made.error());
  auto session = sync.checkout();
  if (!session)
    return std::move(session.error());
  if (auto begun = session->copy_in(copy_products); !begun)
    return begun.error();
  for (int32_t first = 1; first <= product_count; first += rows_per_write) {
    if (stop.stop_requested())
      return ended_early();
    auto rows = make_products(first, rows_per_write);
    if (auto written = session->write(blob{rows}); !written)
      return written.error();
    on_progress(first + rows_per_write - 1);
  }
  if (auto loaded = session->finish(); !loaded)
    return loaded.error();
  session->release();
  for (auto statement : {"CREATE INDEX ON product (category, id)", "ANALYZE product"})
    if (auto made = sync.run({statement, {}, false}); !made)
      return std::move(made.error());
  return {};
}

caf::error register_products(const cache_client& cache) {
  cache::namespace_options options;
  options.loader = cache::sql_loader{"SELECT json_build_object('name', name, 'description', "
                                     "description, 'price_cents', price_cents, 'stock', stock) "
                                     "FROM product WHERE id = $1::int"};
  return cache.register_loader("product", std::move(options));
}

void run_workload(caf::actor_system& system, const database_client& database,
                  const cache_client& cache, const std::shared_ptr<workload_figures>& figures,
                  const workload_options& how, const std::function<void()>& on_progress) {
  caf::scoped_actor self{system};
  auto end = clock::now() + how.duration;
  std::vector<caf::actor> running;
  for (int i = 0; i < how.shoppers; ++i) {
    running.push_back(system.spawn<caf::stateful_actor<shopper>>(
        database, cache, figures, end, how.stop, static_cast<uint32_t>(i + 1)));
    self->monitor(running.back());
  }
  while (!running.empty()) {
    self->receive(
        [&](const caf::down_msg& down) {
          running.erase(
              std::remove_if(running.begin(), running.end(),
                             [&](const caf::actor& x) { return x.address() == down.source; }),
              running.end());
        },
        caf::after(std::chrono::milliseconds{500}) >> on_progress);
  }
}

} // namespace dbs::demo
