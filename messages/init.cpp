#include "dbs/messages/init.hpp"

#include "dbs/messages/all.hpp"

#include <caf/init_global_meta_objects.hpp>
#include <caf/io/middleman.hpp>

namespace dbs {

void init() {
  caf::init_global_meta_objects<caf::id_block::dbs>();
  caf::io::middleman::init_global_meta_objects();
  caf::core::init_global_meta_objects();
}

} // namespace dbs
