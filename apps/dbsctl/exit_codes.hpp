// What dbsctl's exit codes mean; docs/dbsctl.md says the same.
#pragma once

namespace dbs::ctl {

enum exit_code : int {
  ok = 0,
  /// What was asked for does not hold, or something other than a node answered.
  failed_check = 1,
  usage = 2,
  /// Nobody listens, does not answer in time, or runs as a user who is not trusted.
  cannot_reach = 3,
  /// The node answered with an error.
  refused = 4,
  /// The request was sent and there is no answer: it may have been carried out.
  in_doubt = 5,
  unhealthy = 10,
};

} // namespace dbs::ctl
