// Tells CAF's printer, which renders messages for logs, from the inspectors that
// move data: what is secret or large must not be printed.
#pragma once

namespace dbs::internal {

/// The printer is the only inspector with a readable format that has no execution
/// unit behind it.
template <class Inspector>
constexpr bool is_printer(const Inspector& f) {
  if constexpr (requires { f.context(); })
    return false;
  else
    return f.has_human_readable_format();
}

} // namespace dbs::internal
