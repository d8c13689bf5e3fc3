// The table that every side reads.
#pragma once

namespace dbs::bench {

/// `kv` has the keys 1 to this one, and values of 100 bytes.
inline constexpr int kv_rows = 100'000;

/// What every side prepares, with a random key.
inline constexpr const char* kv_select = "SELECT v FROM kv WHERE k = $1";

} // namespace dbs::bench
