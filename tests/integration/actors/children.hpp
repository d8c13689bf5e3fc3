// Looks at the managers of an instance, and makes them crash.
#pragma once

#include "dbs/actors/services.hpp"
#include "dbs/messages/error_detail.hpp"

#include <caf/scoped_actor.hpp>

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <string>
#include <vector>

namespace dbs::tests {

/// The child as the tree has it; without an id if there is none.
inline child_info child(const database_services& services, const std::string& id) {
  auto supervisor = services.supervisor();
  caf::scoped_actor self{supervisor->home_system()};
  child_info result;
  self->request(supervisor, std::chrono::seconds{10}, tree_atom_v, call_context{})
      .receive(
          [&](const std::vector<child_info>& tree) {
            for (auto& x : tree)
              if (x.id == id)
                result = x;
          },
          [](const caf::error& reason) { FAIL(describe(reason)); });
  return result;
}

inline void crash(const database_services& services, const std::string& id) {
  auto supervisor = services.supervisor();
  caf::scoped_actor self{supervisor->home_system()};
  self->request(supervisor, std::chrono::seconds{10}, restart_atom_v, call_context{}, id)
      .receive([] {}, [](const caf::error& reason) { FAIL(describe(reason)); });
}

} // namespace dbs::tests
