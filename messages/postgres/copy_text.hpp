// Rows in the text format of COPY, for `copy_in`.
//
// ~~~
// std::string rows;
// append_copy_row(rows, 1, "lamp", std::nullopt);
// ~~~
#pragma once

#include "dbs/messages/postgres/params.hpp"

#include <caf/error.hpp>

#include <string>

namespace dbs {

/// Adds one row, escaped, with its end of line. `invalid_argument` for what cannot be a
/// parameter either, and for text with a zero byte; nothing is added then.
caf::error append_copy_row(std::string& rows, const pg_params& values);

/// The same from the values themselves, which are those that `make_params` takes.
template <class... Ts>
caf::error append_copy_row(std::string& rows, const Ts&... values) {
  return append_copy_row(rows, make_params(values...));
}

} // namespace dbs
