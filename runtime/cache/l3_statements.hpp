// The cache's table in PostgreSQL as SQL: what is sent, and what the answers mean.
//
// | column     | type        | what                                                        |
// |------------|-------------|-------------------------------------------------------------|
// | key        | text        | collation "C": ordered by its bytes, as the keys sent are    |
// | epoch      | bigint      | with `sequence` the version                                 |
// | sequence   | bigint      |                                                             |
// | kind       | smallint    | 0 value, 1 negative, 2 tombstone                            |
// | soft       | timestamptz | stale from then on; null: never                             |
// | hard       | timestamptz | gone from then on; null: never                              |
// | keep_until | timestamptz | may be deleted from then on, and counts as not there        |
// | tags       | text[]      | null without                                                |
// | value      | bytea       | null of a tombstone                                         |
//
// All times are those of the caller's clock: hosts that share a table are to agree within a
// fraction of `erasure_ttl`.
#pragma once

#include "dbs/messages/postgres/pool.hpp"
#include "dbs/runtime/cache/cache_level.hpp"

#include <caf/expected.hpp>

#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dbs::cache {

/// A key that is to be stored. What it points to has passed `l3_statements::check`.
struct l3_row {
  std::string_view key;
  const stored_value* what = nullptr;
  /// For a fill.
  std::optional<version> seen;
};

/// What became of a row.
struct l3_outcome {
  /// Its place among those that were sent.
  size_t row = 0;
  /// False: somebody else made or removed the row meanwhile; nothing was done.
  bool settled = false;
  level_write what;
};

/// A row that was read.
struct l3_found {
  std::string_view key;
  /// Nothing if it makes no sense.
  std::optional<stored_value> what;
  /// The answer would have become too large: to be read anew.
  bool left_out = false;
};

enum class l3_scope : uint8_t { prefix, tag };

/// A piece of an erasure.
struct l3_erasure {
  l3_scope scope = l3_scope::prefix;
  std::string_view text;
  version vers;
  /// The last key of the piece before.
  std::string_view after;
};

struct l3_erased {
  size_t rows = 0;
  std::string last_key;
};

/// Immutable. Rows and keys are to be sorted by their bytes: whoever locks several rows does it
/// in this order, so that no two statements wait for one another.
class l3_statements {
public:
  /// @param table as in `cache.l3_table`.
  l3_statements(std::string_view table, std::chrono::milliseconds erasure_ttl);

  // -- what is asked ------------------------------------------------------------------

  /// `invalid_argument` unless it is UTF-8 of 1 to `limit` bytes without zero bytes. `what` it
  /// is, for the error; the text itself is not told.
  static caf::error check_text(std::string_view what, std::string_view text, size_t limit);

  /// `invalid_argument` if the table cannot hold it exactly: an epoch or sequence beyond
  /// 2^63-1, a time outside of the years 1 to 9999, too many or too long tags.
  static caf::error check(const stored_value& what);
  static caf::error check(const version& vers);

  // -- what is sent -------------------------------------------------------------------

  /// @param bytes of values after which the rest is left out.
  pg_statement read(const std::vector<std::string_view>& keys, wall_time now, size_t bytes) const;

  /// Stores rows with different keys, each on its own, and says exactly what became of it. The
  /// rows that are there are locked first; so what is judged is what is replaced. One that
  /// appears between the statement's snapshot and its insert is none of these, and stays
  /// as it is: not settled.
  pg_statement write(std::span<const l3_row> rows, wall_time now) const;

  /// Makes tombstones of the first `limit` rows that are older and meant.
  pg_statement erase(const l3_erasure& what, wall_time now, size_t limit) const;

  /// Deletes at most `limit` rows that need not be kept, but for those that somebody locks.
  pg_statement clean(wall_time now, size_t limit) const;

  /// Asks whether the table is there; see `judge`.
  pg_statement look() const;

  /// Makes the table unless there is something of its name. Several nodes may do so at once:
  /// an advisory lock of the transaction, which is this one statement, puts them in order.
  pg_statement create() const;

  // -- what the answers mean ----------------------------------------------------------

  /// The views are valid as long as the result.
  static caf::expected<std::vector<l3_found>> read_found(const pg_result& rows);
  static caf::expected<std::vector<l3_outcome>> read_outcomes(const pg_result& rows, size_t sent);
  static caf::expected<l3_erased> read_erased(const pg_result& rows);

  /// Whether the table is there; `config_invalid` if what has its name is not ours, or is of a
  /// newer version.
  caf::expected<bool> judge(const pg_result& seen) const;

  const std::string& table() const noexcept { return table_; }

private:
  /// When a row may be deleted.
  std::chrono::sys_time<std::chrono::microseconds> keep_until(const stored_value& what,
                                                              wall_time now) const;

  std::string table_;
  std::chrono::milliseconds erasure_ttl_;
  std::string read_;
  std::string write_;
  std::string clean_;
};

/// The least text that is greater than all that begin with `prefix`, in the order of bytes;
/// nothing if there is none.
std::optional<std::string> after_prefix(std::string_view prefix);

} // namespace dbs::cache
