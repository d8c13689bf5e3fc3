// Whether the cache's table is there, and how it is made.
#include "dbs/messages/error_detail.hpp"
#include "dbs/runtime/cache/l3_statements.hpp"

#include <charconv>

namespace dbs::cache {

namespace {

/// Tells ours from a table that has the name by chance. A change of the columns is a new
/// version; `create` is where the step from the one before belongs.
constexpr std::string_view mark = "DatabaseServices cache, version ";
constexpr int our_version = 1;

constexpr std::string_view our_columns =
    "key text, epoch bigint, sequence bigint, kind smallint, soft timestamp with time zone, "
    "hard timestamp with time zone, keep_until timestamp with time zone, tags text[], value bytea";

/// The version in the comment; 0 if it is not ours.
int version_of(std::string_view comment) {
  if (!comment.starts_with(mark))
    return 0;
  comment.remove_prefix(mark.size());
  int result = 0;
  auto end = comment.data() + comment.size();
  auto [stop, failed] = std::from_chars(comment.data(), end, result);
  return failed == std::errc{} && stop == end ? result : 0;
}

} // namespace

pg_statement l3_statements::look() const {
  auto result = make_statement(
      "select obj_description(c.oid, 'pg_class'),"
      " (select string_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod), ', '"
      "                    order by a.attnum)"
      "  from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped) "
      "from pg_class c where c.oid = to_regclass($1)",
      table_);
  result.prepare = false;
  return result;
}

pg_statement l3_statements::create() const {
  auto comment = std::string{mark} + std::to_string(our_version);
  // To read pg_class is to hear of what others have made while the lock was awaited: to_regclass
  // alone would believe what this session knew before. Rows are replaced all the time, and die
  // in masses: vacuum earlier than by default.
  auto sql = "do $do$ begin "
             "perform pg_advisory_xact_lock(hashtextextended('DatabaseServices cache " +
             table_ +
             "', 0)); "
             "if not exists (select from pg_class where oid = to_regclass('" +
             table_ + "')) then create table " + table_ +
             " (key text collate \"C\" primary key, epoch bigint not null,"
             " sequence bigint not null, kind smallint not null, soft timestamptz,"
             " hard timestamptz, keep_until timestamptz not null, tags text[], value bytea)"
             " with (autovacuum_vacuum_scale_factor = 0.05); create index on " +
             table_ + " (keep_until); create index on " + table_ +
             " using gin (tags) where tags is not null; comment on table " + table_ + " is '" +
             comment + "'; end if; end $do$";
  auto result = make_statement(std::move(sql));
  result.prepare = false;
  return result;
}

caf::expected<bool> l3_statements::judge(const pg_result& seen) const {
  if (seen.empty())
    return false;
  auto comment = std::string{seen.row(0).text(0)};
  auto columns = std::string{seen.row(0).text(1)};
  auto refuse = [this](const std::string& why) {
    return fail(errc::config_invalid, "cache.l3_table: " + table_ + " " + why,
                {{"setting", "cache.l3_table"}});
  };
  auto version = version_of(comment);
  if (version == 0)
    return refuse("is there and is not a cache's: its comment is not '" + std::string{mark} + "'");
  if (version > our_version)
    return refuse("is of version " + std::to_string(version) +
                  ", made by a newer program; this one"
                  " knows version " +
                  std::to_string(our_version));
  if (columns != our_columns)
    return refuse("has other columns than its version: " + columns);
  return true;
}

} // namespace dbs::cache
