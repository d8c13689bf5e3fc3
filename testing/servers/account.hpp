// Whom a server runs as: PostgreSQL refuses to run as root, so a test that runs as
// root starts its servers under an unprivileged account of the machine.
#pragma once

#include <sys/types.h>

#include <initializer_list>
#include <optional>
#include <string>

namespace dbs::testing {

/// An entry of the machine's account table.
struct account {
  std::string name;
  uid_t uid = 0;
  gid_t gid = 0;
};

/// The first of `preferred` that exists, else `nobody`, when this process runs as
/// root; nothing when it does not and needs no other account. Throws
/// `std::runtime_error` when root finds no account to switch to.
std::optional<account> unprivileged_account(std::initializer_list<const char*> preferred);

} // namespace dbs::testing
