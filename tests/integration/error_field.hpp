// Reads the named fields of an error.
#pragma once

#include "dbs/messages/error_detail.hpp"

#include <string>
#include <string_view>

namespace dbs::tests {

/// The field of that name, rendered; empty if there is none.
inline std::string field_of(const caf::error& err, std::string_view name) {
  for (auto& x : detail(err).fields)
    if (x.name == name)
      return to_string(x.value);
  return {};
}

} // namespace dbs::tests
