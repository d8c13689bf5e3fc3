#include "catalogue.hpp"

#include "dbs/messages/error_detail.hpp"

#include <caf/actor_system.hpp>
#include <caf/stateful_actor.hpp>

using namespace std::chrono_literals;

namespace shop {

catalogue_state::catalogue_state(catalogue_actor::pointer self, dbs::database_client db)
    : self_(self), db_(db.within(2s)) {}

catalogue_actor::behavior_type catalogue_state::make_behavior() {
  return {
      [this](caf::get_atom, int64_t id) { return find(id); },
      [this](caf::put_atom, int64_t id, int64_t cents) { return set_price(id, cents); },
  };
}

caf::result<product> catalogue_state::find(int64_t id) {
  auto promise = self_->make_response_promise<product>();
  db_.execute(self_, "select name, cents from product where id = $1", id)
      .then(
          [promise, id](const dbs::pg_result& rows) mutable {
            if (rows.empty())
              promise.deliver(
                  dbs::fail(dbs::errc::not_found, "there is no product " + std::to_string(id)));
            else
              promise.deliver(product{*rows.row(0).get<std::string>("name"),
                                      *rows.row(0).get<int64_t>("cents")});
          },
          [promise](const caf::error& why) mutable { promise.deliver(why); });
  return promise;
}

caf::result<void> catalogue_state::set_price(int64_t id, int64_t cents) {
  auto promise = self_->make_response_promise<void>();
  auto refuse = [promise](const caf::error& why) mutable { promise.deliver(why); };
  // One behind the other, without waiting: the pool keeps the order, the first
  // failure is the answer, and what is not committed when the session goes is
  // rolled back.
  auto change = [=, this](const dbs::pg_session& session) {
    auto go_on = [](const dbs::pg_result&) {};
    session.begin(self_).then([] {}, refuse);
    session.execute(self_, "update product set cents = $2 where id = $1", id, cents)
        .then(go_on, refuse);
    session.execute(self_, "insert into price_change values ($1, $2)", id, cents)
        .then(go_on, refuse);
    session.commit(self_).then([promise]() mutable { promise.deliver(); }, refuse);
  };
  db_.checkout(self_).then(change, refuse);
  return promise;
}

catalogue_actor spawn_catalogue(caf::actor_system& system, dbs::database_client db) {
  return system.spawn<caf::stateful_actor<catalogue_state, catalogue_actor::impl>>(std::move(db));
}

} // namespace shop
