#include "dbs/runtime/cache/l3_statements.hpp"

#include "dbs/messages/error_detail.hpp"
#include "dbs/messages/utf8.hpp"
#include "dbs/runtime/cache/limits.hpp"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <utility>

namespace dbs::cache {

namespace {

using micros = std::chrono::sys_time<std::chrono::microseconds>;

constexpr wall_time first_time = std::chrono::sys_days{std::chrono::year{1} / 1 / 1};
constexpr wall_time end_of_time = std::chrono::sys_days{std::chrono::year{10'000} / 1 / 1};

/// Puts the table's name in the place of every '%'.
std::string about(const std::string& table, std::string_view text) {
  std::string result;
  for (auto c : text) {
    if (c == '%')
      result += table;
    else
      result += c;
  }
  return result;
}

// What is gone, and kept for its version, is read as a tombstone: a fill says what it has seen.
constexpr std::string_view read_text = R"(
select key, epoch, sequence, kind, soft, hard, tags,
       case when before < $3::bigint then value end as value,
       before >= $3::bigint and value is not null as left_out
from (select *, coalesce(sum(octet_length(value)) over (order by key), 0)
                - coalesce(octet_length(value), 0) as before
      from (select key, epoch, sequence, case when gone then 2::smallint else kind end as kind,
                   soft, hard, tags, case when not gone then value end as value
            from (select *, coalesce(hard <= $2::timestamptz, false) as gone from %
                  where key = any($1::text[]) and keep_until > $2::timestamptz) as kept
           ) as readable) as found)";

// `there` locks, `judged` decides by what was locked; `changed` and `added` follow it. A row
// that need not be kept counts as none.
constexpr std::string_view write_text = R"(
with given as materialized (
  select * from unnest($1::text[], $2::bigint[], $3::bigint[], $4::smallint[],
      $5::timestamptz[], $6::timestamptz[], $7::timestamptz[], $8::text[], $9::bytea[],
      $10::bigint[], $11::bigint[]) with ordinality
    as g(key, epoch, sequence, kind, soft, hard, keep_until, tags, value,
         seen_epoch, seen_sequence, n)),
there as materialized (
  select key, epoch, sequence, keep_until > $12::timestamptz as kept,
         kind = 0 and (hard is null or hard > $12::timestamptz) as readable
  from % where key = any($1::text[]) order by key for update),
found as materialized (
  select g.*, t.key is not null as known, coalesce(t.kept, false) as kept,
         coalesce(t.kept and t.readable, false) as had_value,
         case when t.kept then t.epoch else 0 end as old_epoch,
         case when t.kept then t.sequence else 0 end as old_sequence
  from given g left join there t on t.key = g.key),
judged as materialized (
  select *, (not kept or (epoch, sequence) > (old_epoch, old_sequence))
            and (seen_epoch is null
                 or (seen_epoch, seen_sequence) = (old_epoch, old_sequence)) as wanted
  from found),
changed as (
  update % t set epoch = j.epoch, sequence = j.sequence, kind = j.kind, soft = j.soft,
      hard = j.hard, keep_until = j.keep_until, tags = j.tags::text[], value = j.value
  from judged j where j.known and j.wanted and t.key = j.key returning t.key),
added as (
  insert into % (key, epoch, sequence, kind, soft, hard, keep_until, tags, value)
  select key, epoch, sequence, kind, soft, hard, keep_until, tags::text[], value
  from judged where wanted and not known order by key collate "C"
  on conflict (key) do nothing returning key)
select j.n, j.wanted as done, j.had_value, not j.wanted or c.key is not null or a.key is not null
         as settled,
       case when j.wanted then j.epoch else j.old_epoch end as epoch,
       case when j.wanted then j.sequence else j.old_sequence end as sequence
from judged j left join changed c on c.key = j.key left join added a on a.key = j.key)";

// $1 and $2 are the version, $3 is the time until which tombstones are kept, $4 the limit.
constexpr std::string_view erase_text = R"(
with meant as materialized (
  select key from % where (epoch, sequence) < ($1::bigint, $2::bigint) and )";
constexpr std::string_view erase_end = R"(
  order by key limit $4::bigint for update),
erased as (
  update % t set epoch = $1::bigint, sequence = $2::bigint, kind = 2, soft = null, hard = null,
      keep_until = $3::timestamptz, tags = null, value = null
  from meant m where t.key = m.key returning t.key)
select (select count(*) from meant) as rows, (select max(key) from meant) as last_key)";

constexpr std::string_view clean_text = R"(
with old as materialized (
  select key from % where keep_until <= $1::timestamptz
  order by keep_until limit $2::bigint for update skip locked)
delete from % t using old where t.key = old.key)";

std::optional<micros> moment(wall_time x) {
  return x == wall_time::max() ? std::nullopt : std::optional<micros>{x};
}

wall_time wall(const std::optional<micros>& x) {
  return !x || *x == micros::max() ? wall_time::max()
                                   : std::chrono::floor<std::chrono::milliseconds>(*x);
}

std::optional<std::string> tags_text(const std::vector<std::string>& tags) {
  if (tags.empty())
    return std::nullopt;
  std::string result;
  pg_codec<std::vector<std::string>>::encode(tags, result); // of texts that were checked
  return result;
}

/// Reads columns one after the other, up to the first that cannot be read.
class row_reader {
public:
  explicit row_reader(pg_row row) : row_(row) {}

  template <class T>
  void next(T& out) {
    auto x = row_.get<T>(column_++);
    if (x)
      out = std::move(*x);
    else if (!error_)
      error_ = std::move(x.error());
  }

  caf::error& error() noexcept { return error_; }

private:
  pg_row row_;
  size_t column_ = 0;
  caf::error error_;
};

bool fits(const version& x) {
  constexpr uint64_t limit = std::numeric_limits<int64_t>::max();
  return x.epoch <= limit && x.sequence <= limit;
}

} // namespace

l3_statements::l3_statements(std::string_view table, std::chrono::milliseconds erasure_ttl)
    : erasure_ttl_(erasure_ttl) {
  // The setting has small letters, digits, '_' and perhaps one '.': quoted for words of SQL.
  for (auto c : table)
    table_ += c == '.' ? std::string{"\".\""} : std::string{c};
  table_ = '"' + table_ + '"';
  read_ = about(table_, read_text);
  write_ = about(table_, write_text);
  clean_ = about(table_, clean_text);
}

// -- what is asked ----------------------------------------------------------------------

caf::error l3_statements::check_text(std::string_view what, std::string_view text, size_t limit) {
  auto refuse = [what](std::string why) {
    return fail(errc::invalid_argument, std::string{what} + std::move(why));
  };
  if (text.empty())
    return refuse(" is empty");
  if (text.size() > limit)
    return refuse(" has " + std::to_string(text.size()) + " bytes, " + std::to_string(limit) +
                  " are allowed");
  if (text.find('\0') != std::string_view::npos)
    return refuse(" contains a zero byte");
  if (!is_utf8(text))
    return refuse(" is not UTF-8");
  return {};
}

caf::error l3_statements::check(const version& vers) {
  if (fits(vers))
    return {};
  return fail(errc::invalid_argument,
              "a version beyond 2^63-1 cannot be kept in the table: " + std::to_string(vers.epoch) +
                  "/" + std::to_string(vers.sequence));
}

caf::error l3_statements::check(const stored_value& what) {
  if (auto refused = check(what.vers))
    return refused;
  for (auto [name, x] : {std::pair{"soft", what.soft}, std::pair{"hard", what.hard}})
    if (x != wall_time::max() && (x < first_time || x >= end_of_time))
      return fail(errc::invalid_argument,
                  std::string{"the "} + name + " expiry is outside of the years 1 to 9999");
  if (what.tags.size() > stored_value::max_tags)
    return fail(errc::invalid_argument, std::to_string(what.tags.size()) + " tags, " +
                                            std::to_string(stored_value::max_tags) +
                                            " are allowed");
  for (auto& tag : what.tags)
    if (auto refused = check_text("a tag", tag, stored_value::max_tag_bytes))
      return refused;
  return {};
}

// -- what is sent -----------------------------------------------------------------------

micros l3_statements::keep_until(const stored_value& what, wall_time now) const {
  auto remembered = now + erasure_ttl_;
  if (what.kind == stored_kind::tombstone)
    return remembered;
  return what.hard == wall_time::max() ? micros::max() : std::max(what.hard, remembered);
}

pg_statement l3_statements::read(const std::vector<std::string_view>& keys, wall_time now,
                                 size_t bytes) const {
  return in_binary(make_statement(read_, keys, micros{now}, bytes));
}

pg_statement l3_statements::write(std::span<const l3_row> rows, wall_time now) const {
  std::vector<std::string_view> keys;
  std::vector<uint64_t> epochs;
  std::vector<uint64_t> sequences;
  std::vector<int> kinds;
  std::vector<std::optional<micros>> soft;
  std::vector<std::optional<micros>> hard;
  std::vector<micros> kept;
  std::vector<std::optional<std::string>> tags;
  std::vector<std::optional<blob>> values;
  std::vector<std::optional<uint64_t>> seen_epochs;
  std::vector<std::optional<uint64_t>> seen_sequences;
  for (auto& [key, what, seen] : rows) {
    auto tombstone = what->kind == stored_kind::tombstone;
    keys.push_back(key);
    epochs.push_back(what->vers.epoch);
    sequences.push_back(what->vers.sequence);
    kinds.push_back(static_cast<int>(what->kind));
    soft.push_back(moment(what->soft));
    hard.push_back(moment(what->hard));
    kept.push_back(keep_until(*what, now));
    tags.push_back(tags_text(what->tags));
    values.push_back(tombstone ? std::nullopt : std::optional{what->value});
    seen_epochs.push_back(seen ? std::optional{seen->epoch} : std::nullopt);
    seen_sequences.push_back(seen ? std::optional{seen->sequence} : std::nullopt);
  }
  return in_binary(make_statement(write_, keys, epochs, sequences, kinds, soft, hard, kept, tags,
                                  values, seen_epochs, seen_sequences, micros{now}));
}

pg_statement l3_statements::erase(const l3_erasure& what, wall_time now, size_t limit) const {
  std::string sql{erase_text};
  pg_statement result;
  auto& params = result.params;
  params.add(what.vers.epoch).add(what.vers.sequence);
  params.add(micros{now + erasure_ttl_}).add(limit);
  if (what.scope == l3_scope::tag) {
    sql += "tags @> array[$5::text]";
    params.add(what.text);
  } else {
    sql += "key >= $5::text";
    params.add(std::max(what.text, what.after));
    if (auto end = after_prefix(what.text)) {
      sql += " and key < $6::text";
      params.add(*end);
    }
  }
  sql += erase_end;
  result.sql = about(table_, sql);
  result.binary = true;
  return result;
}

pg_statement l3_statements::clean(wall_time now, size_t limit) const {
  return make_statement(clean_, micros{now}, limit);
}

// -- what the answers mean ----------------------------------------------------------------

caf::expected<std::vector<l3_found>> l3_statements::read_found(const pg_result& rows) {
  std::vector<l3_found> result;
  result.reserve(rows.rows());
  for (auto row : rows) {
    auto key = row.get<std::string_view>(0);
    auto left_out = row.get<bool>(8);
    if (!key || !left_out)
      return key ? std::move(left_out.error()) : std::move(key.error());
    result.push_back({*key, std::nullopt, *left_out});
    if (*left_out)
      continue;
    stored_value found;
    std::string_view ignored;
    int kind = 0;
    std::optional<micros> soft;
    std::optional<micros> hard;
    std::optional<std::vector<std::string>> tags;
    std::optional<blob> value;
    row_reader reader{row};
    reader.next(ignored);
    reader.next(found.vers.epoch);
    reader.next(found.vers.sequence);
    reader.next(kind);
    reader.next(soft);
    reader.next(hard);
    reader.next(tags);
    reader.next(value);
    if (reader.error() || kind < 0 || kind > static_cast<int>(stored_kind::tombstone))
      continue;
    found.kind = static_cast<stored_kind>(kind);
    found.soft = wall(soft);
    found.hard = wall(hard);
    if (tags)
      found.tags = std::move(*tags);
    if (value)
      found.value = std::move(*value);
    result.back().what = std::move(found);
  }
  return result;
}

caf::expected<std::vector<l3_outcome>> l3_statements::read_outcomes(const pg_result& rows,
                                                                    size_t sent) {
  std::vector<l3_outcome> result;
  result.reserve(rows.rows());
  std::vector<bool> answered(sent);
  for (auto row : rows) {
    auto& x = result.emplace_back();
    row_reader reader{row};
    reader.next(x.row);
    reader.next(x.what.done);
    reader.next(x.what.had_value);
    reader.next(x.settled);
    reader.next(x.what.vers.epoch);
    reader.next(x.what.vers.sequence);
    if (reader.error())
      return std::move(reader.error());
    if (--x.row >= sent || answered[x.row])
      return fail(errc::protocol_error,
                  "the cache's table has answered for rows that were not sent");
    answered[x.row] = true;
  }
  if (result.size() != sent)
    return fail(errc::protocol_error, "the cache's table has answered for " +
                                          std::to_string(result.size()) + " of " +
                                          std::to_string(sent) + " rows");
  return result;
}

caf::expected<l3_erased> l3_statements::read_erased(const pg_result& rows) {
  if (rows.rows() != 1)
    return fail(errc::protocol_error, "the cache's table has not said what was erased");
  l3_erased result;
  std::optional<std::string> last_key;
  row_reader reader{rows.row(0)};
  reader.next(result.rows);
  reader.next(last_key);
  if (reader.error())
    return std::move(reader.error());
  result.last_key = last_key.value_or("");
  return result;
}

std::optional<std::string> after_prefix(std::string_view prefix) {
  // The order of UTF-8's bytes is that of the code points.
  constexpr uint32_t last = 0x10ffff;
  while (!prefix.empty()) {
    size_t start = prefix.size() - 1;
    while (start > 0 && (static_cast<unsigned char>(prefix[start]) & 0xc0) == 0x80)
      --start;
    auto code = decode_utf8(prefix, start).code;
    prefix.remove_suffix(prefix.size() - start);
    if (code == last)
      continue;
    code = code == 0xd7ff ? 0xe000 : code + 1; // without the surrogates between them
    std::string result{prefix};
    auto byte = [&result](uint32_t x) { result += static_cast<char>(x); };
    if (code < 0x80) {
      byte(code);
    } else if (code < 0x800) {
      byte(0xc0 | code >> 6);
      byte(0x80 | (code & 0x3f));
    } else if (code < 0x10000) {
      byte(0xe0 | code >> 12);
      byte(0x80 | (code >> 6 & 0x3f));
      byte(0x80 | (code & 0x3f));
    } else {
      byte(0xf0 | code >> 18);
      byte(0x80 | (code >> 12 & 0x3f));
      byte(0x80 | (code >> 6 & 0x3f));
      byte(0x80 | (code & 0x3f));
    }
    return result;
  }
  return std::nullopt;
}

} // namespace dbs::cache
