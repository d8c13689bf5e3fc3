#include "dbs/runtime/cache/l2_script.hpp"

#include "dbs/messages/error_detail.hpp"
#include "dbs/runtime/cache/envelope.hpp"

#include <array>
#include <string>

namespace dbs::cache {

namespace {

// Numbers of 64 bits are compared in halves: Lua's are doubles, and it compares strings by
// the locale of the server.
//
// ARGV: the envelope; for how many ms, 0 for ever; the time, and the version that was seen,
// as they stand in an envelope.
constexpr std::string_view source = R"lua(
local function head(s)
  if type(s) ~= 'string' or #s < 39 then return end
  local a, f, e, eh, el, q, sh, sl, _, _, _, _, hh, hl, kind =
    struct.unpack('>BBBI4I4BI4I4BI4I4BI4I4B', s)
  if a ~= 154 or f ~= 1 or e ~= 207 or q ~= 207 then return end
  if eh ~= 0 or sh >= 2097152 then return end
  return {eh, el, sh, sl}, {hh, hl}, kind
end
local function less(a, b)
  for i = 1, #a do
    if a[i] ~= b[i] then return a[i] < b[i] end
  end
  return false
end
local mine = head(string.sub(ARGV[1], 1, 39))
local now = {struct.unpack('>I4I4', ARGV[3])}
now[3] = nil
local seen
if #ARGV[3] > 8 then
  seen = {struct.unpack('>I4I4I4I4', ARGV[3], 9)}
  seen[5] = nil
end
local done, had, there = 0, 0, nil
for _, key in ipairs(KEYS) do
  local found, hard, kind = head(redis.pcall('getrange', key, 0, 38))
  there = found or {0, 0, 0, 0}
  if kind == 0 and less(now, hard) then had = had + 1 end
  if not (found and not less(found, mine)) and
     not (seen and (less(seen, there) or less(there, seen))) then
    if ARGV[2] == '0' then redis.call('set', key, ARGV[1])
    else redis.call('set', key, ARGV[1], 'px', ARGV[2]) end
    done = done + 1
    there = mine
  end
end
return {done, had, there[1], there[2], there[3], there[4]}
)lua";

static_assert(envelope_layout::epoch_at == 3 && envelope_layout::sequence_at == 12 &&
                  envelope_layout::hard_at == 30 && envelope_layout::kind_at == 38 &&
                  envelope_layout::head_bytes == 39,
              "the script counts on it");

void append(std::string& to, uint64_t number) {
  for (auto shift = 64; shift > 0;) {
    shift -= 8;
    to += static_cast<char>(number >> shift & 0xff);
  }
}

} // namespace

l2_script::l2_script() : script_(source) {}

redis_command l2_script::call(std::span<const std::string_view> keys, const blob& envelope,
                              std::chrono::milliseconds life, wall_time now,
                              const std::optional<version>& seen) const {
  std::string numbers;
  append(numbers, static_cast<uint64_t>(now.time_since_epoch().count()));
  if (seen) {
    append(numbers, seen->epoch);
    append(numbers, seen->sequence);
  }
  auto result = script_.call(keys);
  result.add(envelope).add(life.count()).add(numbers);
  return result;
}

caf::expected<l2_stored> l2_script::read(const redis_reply& reply) {
  std::array<uint64_t, 6> numbers{};
  auto good = reply.type() == redis_type::array && reply.size() == numbers.size();
  size_t i = 0;
  for (auto x : reply) {
    auto number = x.get<int64_t>();
    good = good && number && *number >= 0 && *number <= int64_t{UINT32_MAX};
    if (!good)
      return fail(errc::protocol_error, "redis has not answered as our script does");
    numbers[i++] = static_cast<uint64_t>(*number);
  }
  if (!good)
    return fail(errc::protocol_error, "redis has not answered as our script does");
  return l2_stored{
      numbers[0], numbers[1], {numbers[2] << 32 | numbers[3], numbers[4] << 32 | numbers[5]}};
}

} // namespace dbs::cache
