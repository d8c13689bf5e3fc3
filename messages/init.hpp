// The one call a host makes before it creates its actor system.
#pragma once

namespace dbs {

/// Registers the meta objects of DatabaseServices, of CAF's I/O module and of
/// CAF's core. Call it once in `main`, before the first `caf::actor_system`; a
/// host with types of its own calls `caf::init_global_meta_objects` for its own
/// block as well, in any order. Calling it again is harmless.
void init();

} // namespace dbs
