// A named value: what error details, statistics and health reports carry.
#pragma once

#include "dbs/messages/type_ids.hpp"

#include <cstdint>
#include <string>
#include <variant>

namespace dbs {

/// A name, dotted where it nests ("pool.utilization"), and a scalar.
struct field {
  using value_type = std::variant<bool, int64_t, double, std::string>;

  std::string name;
  value_type value;

  friend bool operator==(const field&, const field&) = default;
};

/// Renders the value alone: `true`, `42`, `0.25`, `text`.
std::string to_string(const field::value_type& value);

template <class Inspector>
bool inspect(Inspector& f, field& x) {
  return f.object(x).fields(f.field("name", x.name), f.field("value", x.value));
}

} // namespace dbs
