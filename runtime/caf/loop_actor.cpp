#include "dbs/runtime/caf/loop_actor.hpp"

namespace dbs::internal {

caf::error restarted_by(const std::exception_ptr& cause) {
  try {
    std::rethrow_exception(cause);
  } catch (const std::exception& e) {
    return fail(errc::restarted, std::string{"the manager failed on an exception: "} + e.what());
  } catch (...) {
    return fail(errc::restarted, "the manager failed on an exception of unknown type");
  }
}

caf::error manager_is_gone() {
  return fail(errc::restarted, "the manager stopped before it took the request");
}

} // namespace dbs::internal
