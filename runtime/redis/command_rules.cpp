#include "dbs/runtime/redis/command_rules.hpp"

#include "dbs/messages/error_detail.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

namespace dbs::redis {

namespace {

enum class rule : uint8_t {
  reads,
  /// It changes the connection for all who share it.
  changes,
  /// It keeps the connection busy for as long as it likes.
  blocks,
  /// Its answers come as messages, for ever.
  subscribes,
  /// As its arguments say.
  client,
  script,
  stream_read,
};

struct row {
  std::string_view name;
  rule what;
};

/// Sorted by name. Of what is not in here nothing is known: it is sent once.
constexpr std::array rows{
    row{"ASKING", rule::changes},
    row{"AUTH", rule::changes},
    row{"BITCOUNT", rule::reads},
    row{"BITFIELD_RO", rule::reads},
    row{"BITPOS", rule::reads},
    row{"BLMOVE", rule::blocks},
    row{"BLMPOP", rule::blocks},
    row{"BLPOP", rule::blocks},
    row{"BRPOP", rule::blocks},
    row{"BRPOPLPUSH", rule::blocks},
    row{"BZMPOP", rule::blocks},
    row{"BZPOPMAX", rule::blocks},
    row{"BZPOPMIN", rule::blocks},
    row{"CLIENT", rule::client},
    row{"DBSIZE", rule::reads},
    row{"DISCARD", rule::changes},
    row{"DUMP", rule::reads},
    row{"ECHO", rule::reads},
    row{"EVALSHA_RO", rule::reads},
    row{"EVAL_RO", rule::reads},
    row{"EXEC", rule::changes},
    row{"EXISTS", rule::reads},
    row{"EXPIRETIME", rule::reads},
    row{"FCALL_RO", rule::reads},
    row{"GEODIST", rule::reads},
    row{"GEOHASH", rule::reads},
    row{"GEOPOS", rule::reads},
    row{"GEORADIUSBYMEMBER_RO", rule::reads},
    row{"GEORADIUS_RO", rule::reads},
    row{"GEOSEARCH", rule::reads},
    row{"GET", rule::reads},
    row{"GETBIT", rule::reads},
    row{"GETRANGE", rule::reads},
    row{"HELLO", rule::changes},
    row{"HEXISTS", rule::reads},
    row{"HGET", rule::reads},
    row{"HGETALL", rule::reads},
    row{"HKEYS", rule::reads},
    row{"HLEN", rule::reads},
    row{"HMGET", rule::reads},
    row{"HOST:", rule::changes},
    row{"HRANDFIELD", rule::reads},
    row{"HSCAN", rule::reads},
    row{"HSTRLEN", rule::reads},
    row{"HVALS", rule::reads},
    row{"INFO", rule::reads},
    row{"KEYS", rule::reads},
    row{"LCS", rule::reads},
    row{"LINDEX", rule::reads},
    row{"LLEN", rule::reads},
    row{"LOLWUT", rule::reads},
    row{"LPOS", rule::reads},
    row{"LRANGE", rule::reads},
    row{"MGET", rule::reads},
    row{"MONITOR", rule::subscribes},
    row{"MULTI", rule::changes},
    row{"OBJECT", rule::reads},
    row{"PEXPIRETIME", rule::reads},
    row{"PING", rule::reads},
    row{"POST", rule::changes},
    row{"PSUBSCRIBE", rule::subscribes},
    row{"PSYNC", rule::subscribes},
    row{"PTTL", rule::reads},
    row{"PUNSUBSCRIBE", rule::subscribes},
    row{"QUIT", rule::changes},
    row{"RANDOMKEY", rule::reads},
    row{"READONLY", rule::changes},
    row{"READWRITE", rule::changes},
    row{"REPLCONF", rule::changes},
    row{"RESET", rule::changes},
    row{"SCAN", rule::reads},
    row{"SCARD", rule::reads},
    row{"SCRIPT", rule::script},
    row{"SDIFF", rule::reads},
    row{"SELECT", rule::changes},
    row{"SINTER", rule::reads},
    row{"SINTERCARD", rule::reads},
    row{"SISMEMBER", rule::reads},
    row{"SMEMBERS", rule::reads},
    row{"SMISMEMBER", rule::reads},
    row{"SORT_RO", rule::reads},
    row{"SRANDMEMBER", rule::reads},
    row{"SSCAN", rule::reads},
    row{"SSUBSCRIBE", rule::subscribes},
    row{"STRLEN", rule::reads},
    row{"SUBSCRIBE", rule::subscribes},
    row{"SUBSTR", rule::reads},
    row{"SUNION", rule::reads},
    row{"SUNSUBSCRIBE", rule::subscribes},
    row{"SYNC", rule::subscribes},
    row{"TIME", rule::reads},
    row{"TTL", rule::reads},
    row{"TYPE", rule::reads},
    row{"UNSUBSCRIBE", rule::subscribes},
    row{"UNWATCH", rule::changes},
    row{"WAIT", rule::blocks},
    row{"WAITAOF", rule::blocks},
    row{"WATCH", rule::changes},
    row{"XINFO", rule::reads},
    row{"XLEN", rule::reads},
    row{"XPENDING", rule::reads},
    row{"XRANGE", rule::reads},
    row{"XREAD", rule::stream_read},
    row{"XREADGROUP", rule::stream_read},
    row{"XREVRANGE", rule::reads},
    row{"ZCARD", rule::reads},
    row{"ZCOUNT", rule::reads},
    row{"ZDIFF", rule::reads},
    row{"ZINTER", rule::reads},
    row{"ZINTERCARD", rule::reads},
    row{"ZLEXCOUNT", rule::reads},
    row{"ZMSCORE", rule::reads},
    row{"ZRANDMEMBER", rule::reads},
    row{"ZRANGE", rule::reads},
    row{"ZRANGEBYLEX", rule::reads},
    row{"ZRANGEBYSCORE", rule::reads},
    row{"ZRANK", rule::reads},
    row{"ZREVRANGE", rule::reads},
    row{"ZREVRANGEBYLEX", rule::reads},
    row{"ZREVRANGEBYSCORE", rule::reads},
    row{"ZREVRANK", rule::reads},
    row{"ZSCAN", rule::reads},
    row{"ZSCORE", rule::reads},
    row{"ZUNION", rule::reads},
};

static_assert(std::is_sorted(rows.begin(), rows.end(),
                             [](const row& x, const row& y) { return x.name < y.name; }));

/// What `CLIENT` does that changes the connection.
constexpr std::array changing_client_commands{
    std::string_view{"CACHING"},  std::string_view{"NO-EVICT"}, std::string_view{"NO-TOUCH"},
    std::string_view{"REPLY"},    std::string_view{"SETINFO"},  std::string_view{"SETNAME"},
    std::string_view{"TRACKING"},
};

/// In upper case; empty if it is longer than any that is looked for.
class upper_case {
public:
  explicit upper_case(std::string_view word) noexcept {
    if (word.size() > sizeof(text_))
      return;
    size_ = word.size();
    std::transform(word.begin(), word.end(), text_, [](char c) {
      return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    });
  }

  std::string_view view() const noexcept { return {text_, size_}; }

private:
  char text_[24];
  size_t size_ = 0;
};

/// Whether a command that reads streams may wait for them: it has BLOCK before STREAMS, or
/// so many words before it that nobody looks at all of them.
bool may_block(const redis_command& command, size_t first_option) {
  constexpr size_t max_option = 16;
  for (auto i = first_option; i < command.words(); ++i) {
    upper_case word{command.word(i)};
    if (word.view() == "STREAMS")
      return false;
    if (word.view() == "BLOCK" || i == max_option)
      return true;
  }
  return false;
}

caf::error refusal(std::string_view command, std::string_view why) {
  return fail(errc::invalid_argument,
              std::string{command} +
                  " is refused on connections that are shared: " + std::string{why},
              {{"command", std::string{command}}});
}

constexpr std::string_view it_changes = "it would change the connection for others";
constexpr std::string_view it_blocks = "it would block the connection for others";

/// What its arguments say of a command that is allowed in some forms alone.
command_rules rules_by_arguments(rule what, const redis_command& command) {
  upper_case first{command.word(1)};
  switch (what) {
  case rule::client:
    if (auto& all = changing_client_commands;
        std::find(all.begin(), all.end(), first.view()) != all.end())
      return {refusal("CLIENT " + std::string{first.view()}, it_changes)};
    return {};
  case rule::script:
    if (first.view() == "DEBUG")
      return {refusal("SCRIPT DEBUG", it_changes)};
    return {};
  default: {
    upper_case name{command.name()};
    // XREADGROUP GROUP group consumer ...: it notes who has got what.
    auto grouped = name.view() != "XREAD";
    if (may_block(command, grouped ? 4 : 1))
      return {refusal(std::string{name.view()} + " BLOCK", it_blocks)};
    return {{}, !grouped};
  }
  }
}

} // namespace

command_rules rules_of(const redis_command& command) {
  upper_case name{command.name()};
  auto i = std::lower_bound(rows.begin(), rows.end(), name.view(),
                            [](const row& x, std::string_view y) { return x.name < y; });
  if (i == rows.end() || i->name != name.view())
    return {};
  switch (i->what) {
  case rule::reads:
    return {{}, true};
  case rule::changes:
    return {refusal(name.view(), it_changes)};
  case rule::blocks:
    return {refusal(name.view(), it_blocks)};
  case rule::subscribes:
    return {refusal(name.view(), "its messages would come in place of replies")};
  default:
    return rules_by_arguments(i->what, command);
  }
}

} // namespace dbs::redis
