// What an error of DatabaseServices says beyond its code.
#pragma once

#include "dbs/messages/errc.hpp"
#include "dbs/messages/field.hpp"

#include <caf/error.hpp>
#include <caf/timespan.hpp>

#include <optional>
#include <string>
#include <vector>

namespace dbs {

/// The context of every `caf::error` whose category is `errc`.
struct error_detail {
  /// One sentence for people. Names the offending thing, never a secret.
  std::string what;
  /// When a retry may succeed, if that is known.
  std::optional<caf::timespan> retry_after;
  /// Five characters when PostgreSQL reported the error, else empty.
  std::string sqlstate;
  /// Numbers and names for programs: sizes, waiting, holder, lease id.
  std::vector<field> fields;

  friend bool operator==(const error_detail&, const error_detail&) = default;
};

template <class Inspector>
bool inspect(Inspector& f, error_detail& x) {
  return f.object(x).fields(f.field("what", x.what), f.field("retry_after", x.retry_after),
                            f.field("sqlstate", x.sqlstate), f.field("fields", x.fields));
}

/// Makes an error with its detail. `code` must not be `errc::none`.
caf::error fail(errc code, error_detail detail);

/// Makes an error from a sentence and, optionally, fields.
caf::error fail(errc code, std::string what, std::vector<field> fields = {});

/// The detail of an error made by `fail`; for an error of another category (CAF's
/// own `sec` codes, say) a detail whose `what` is CAF's rendering.
error_detail detail(const caf::error& err);

/// Renders "pool_exhausted: no connection became free within 5s", with the
/// SQLSTATE in brackets where there is one.
std::string describe(const caf::error& err);

} // namespace dbs
