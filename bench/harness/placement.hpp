// Binding a figure to one core.
#pragma once

namespace dbs::bench {

/// Binds this process to the first core that it may use. Call it before threads and
/// children are made: they inherit the mask, so that servers and peers share the core.
void stay_on_one_core();

} // namespace dbs::bench
