// Where a node and its tool meet unless told otherwise.
#pragma once

#include <string>

namespace dbs {

/// `$XDG_RUNTIME_DIR/dbsd.sock`, or `/tmp/dbsd-<uid>.sock` where there is no such
/// directory. The node refuses clients of other users, whatever the path.
std::string default_socket_path();

} // namespace dbs
