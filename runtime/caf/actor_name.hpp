// The name of an actor that is known by a handle only: for logs and reports.
#pragma once

#include <caf/actor_control_block.hpp>
#include <caf/monitorable_actor.hpp>

#include <string>

namespace dbs {

/// The name that the actor's class gives it; empty for the actor of another node,
/// and for none.
inline std::string actor_name(const caf::strong_actor_ptr& whom) {
  auto* actor = whom ? dynamic_cast<caf::monitorable_actor*>(whom->get()) : nullptr;
  return actor != nullptr ? actor->name() : "";
}

} // namespace dbs
