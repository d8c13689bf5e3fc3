// The actor of an imaginary shop that this example tests: what products there are,
// and what they cost.
#pragma once

#include "dbs/actors/client/database_client.hpp"

#include <caf/type_id.hpp>
#include <caf/typed_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <cstdint>
#include <string>

namespace shop {
struct product;
}

// The ids that DatabaseServices leaves to its hosts.
CAF_BEGIN_TYPE_ID_BLOCK(shop, caf::first_custom_type_id)
CAF_ADD_TYPE_ID(shop, (shop::product))
CAF_END_TYPE_ID_BLOCK(shop)

namespace shop {

struct product {
  std::string name;
  int64_t cents = 0;
};

template <class Inspector>
bool inspect(Inspector& f, product& x) {
  return f.object(x).fields(f.field("name", x.name), f.field("cents", x.cents));
}

/// `get` finds a product by its id; `put` gives it another price and records the
/// change, both or neither.
using catalogue_actor = caf::typed_actor<caf::result<product>(caf::get_atom, int64_t),
                                         caf::result<void>(caf::put_atom, int64_t, int64_t)>;

class catalogue_state {
public:
  static inline const char* name = "shop.catalogue";

  catalogue_state(catalogue_actor::pointer self, dbs::database_client db);

  catalogue_actor::behavior_type make_behavior();

private:
  caf::result<product> find(int64_t id);
  caf::result<void> set_price(int64_t id, int64_t cents);

  catalogue_actor::pointer self_;
  dbs::database_client db_;
};

catalogue_actor spawn_catalogue(caf::actor_system& system, dbs::database_client db);

} // namespace shop
