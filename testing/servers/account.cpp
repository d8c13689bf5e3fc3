#include "dbs/testing/servers/account.hpp"

#include <pwd.h>
#include <unistd.h>

#include <array>
#include <stdexcept>

namespace dbs::testing {

namespace {

std::optional<account> look_up(const char* name) {
  passwd entry{};
  passwd* found = nullptr;
  std::array<char, 4096> buffer;
  if (getpwnam_r(name, &entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr)
    return std::nullopt;
  return account{name, entry.pw_uid, entry.pw_gid};
}

} // namespace

std::optional<account> unprivileged_account(std::initializer_list<const char*> preferred) {
  if (geteuid() != 0)
    return std::nullopt;
  for (const char* name : preferred)
    if (auto found = look_up(name))
      return found;
  if (auto found = look_up("nobody"))
    return found;
  throw std::runtime_error("servers do not run as root, and there is no account 'nobody' to run "
                           "them under: run the tests as an ordinary user");
}

} // namespace dbs::testing
