// Whom dbsctl tells anything.
#pragma once

#include <sys/types.h>

namespace dbs::ctl {

/// Whether user `own` may trust a node that runs as `peer`: itself and root. Root may
/// operate anybody's node, but only at a socket it has named: a default path may
/// have been taken by somebody else.
constexpr bool is_trusted(uid_t peer, uid_t own, bool named) noexcept {
  return peer == own || peer == 0 || (own == 0 && named);
}

} // namespace dbs::ctl
