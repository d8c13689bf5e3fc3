// What dbsctl's exit codes mean; docs/dbsctl.md says the same.
#pragma once

namespace dbs::ctl {

enum exit_code : int {
  ok = 0,
  failed_check = 1,
  usage = 2,
  cannot_reach = 3,
  refused = 4,
  unhealthy = 10,
};

} // namespace dbs::ctl
