#include "dbs/config/socket_path.hpp"

#include <unistd.h>

#include <cstdlib>

namespace dbs {

std::string default_socket_path() {
  if (const auto* directory = std::getenv("XDG_RUNTIME_DIR");
      directory != nullptr && *directory != '\0')
    return std::string{directory} + "/dbsd.sock";
  return "/tmp/dbsd-" + std::to_string(::getuid()) + ".sock";
}

} // namespace dbs
