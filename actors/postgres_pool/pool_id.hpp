// What the pools of an instance are called as children.
#pragma once

#include <string>
#include <string_view>

namespace dbs {

/// The child's id, which is the label of its metrics, too: "postgres_pool", and
/// "postgres_pool.reports" for the database of that name.
inline std::string pool_id(std::string_view database) {
  return database.empty() ? "postgres_pool" : "postgres_pool." + std::string{database};
}

} // namespace dbs
