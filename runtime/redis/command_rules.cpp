#include "dbs/runtime/redis/command_rules.hpp"

#include "dbs/messages/error_detail.hpp"

#include <boost/unordered/unordered_flat_map.hpp>

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

/// Of what is not in here nothing is known: it is sent once.
const boost::unordered_flat_map<std::string_view, rule>& rules() {
  static const boost::unordered_flat_map<std::string_view, rule> result{
      {"ASKING", rule::changes},
      {"AUTH", rule::changes},
      {"BITCOUNT", rule::reads},
      {"BITFIELD_RO", rule::reads},
      {"BITPOS", rule::reads},
      {"BLMOVE", rule::blocks},
      {"BLMPOP", rule::blocks},
      {"BLPOP", rule::blocks},
      {"BRPOP", rule::blocks},
      {"BRPOPLPUSH", rule::blocks},
      {"BZMPOP", rule::blocks},
      {"BZPOPMAX", rule::blocks},
      {"BZPOPMIN", rule::blocks},
      {"CLIENT", rule::client},
      {"DBSIZE", rule::reads},
      {"DISCARD", rule::changes},
      {"DUMP", rule::reads},
      {"ECHO", rule::reads},
      {"EVALSHA_RO", rule::reads},
      {"EVAL_RO", rule::reads},
      {"EXEC", rule::changes},
      {"EXISTS", rule::reads},
      {"EXPIRETIME", rule::reads},
      {"FCALL_RO", rule::reads},
      {"GEODIST", rule::reads},
      {"GEOHASH", rule::reads},
      {"GEOPOS", rule::reads},
      {"GEORADIUSBYMEMBER_RO", rule::reads},
      {"GEORADIUS_RO", rule::reads},
      {"GEOSEARCH", rule::reads},
      {"GET", rule::reads},
      {"GETBIT", rule::reads},
      {"GETRANGE", rule::reads},
      {"HELLO", rule::changes},
      {"HEXISTS", rule::reads},
      {"HGET", rule::reads},
      {"HGETALL", rule::reads},
      {"HKEYS", rule::reads},
      {"HLEN", rule::reads},
      {"HMGET", rule::reads},
      {"HOST:", rule::changes},
      {"HRANDFIELD", rule::reads},
      {"HSCAN", rule::reads},
      {"HSTRLEN", rule::reads},
      {"HVALS", rule::reads},
      {"INFO", rule::reads},
      {"KEYS", rule::reads},
      {"LCS", rule::reads},
      {"LINDEX", rule::reads},
      {"LLEN", rule::reads},
      {"LOLWUT", rule::reads},
      {"LPOS", rule::reads},
      {"LRANGE", rule::reads},
      {"MGET", rule::reads},
      {"MONITOR", rule::subscribes},
      {"MULTI", rule::changes},
      {"OBJECT", rule::reads},
      {"PEXPIRETIME", rule::reads},
      {"PING", rule::reads},
      {"POST", rule::changes},
      {"PSUBSCRIBE", rule::subscribes},
      {"PSYNC", rule::subscribes},
      {"PTTL", rule::reads},
      {"PUNSUBSCRIBE", rule::subscribes},
      {"QUIT", rule::changes},
      {"RANDOMKEY", rule::reads},
      {"READONLY", rule::changes},
      {"READWRITE", rule::changes},
      {"REPLCONF", rule::changes},
      {"RESET", rule::changes},
      {"SCAN", rule::reads},
      {"SCARD", rule::reads},
      {"SCRIPT", rule::script},
      {"SDIFF", rule::reads},
      {"SELECT", rule::changes},
      {"SINTER", rule::reads},
      {"SINTERCARD", rule::reads},
      {"SISMEMBER", rule::reads},
      {"SMEMBERS", rule::reads},
      {"SMISMEMBER", rule::reads},
      {"SORT_RO", rule::reads},
      {"SRANDMEMBER", rule::reads},
      {"SSCAN", rule::reads},
      {"SSUBSCRIBE", rule::subscribes},
      {"STRLEN", rule::reads},
      {"SUBSCRIBE", rule::subscribes},
      {"SUBSTR", rule::reads},
      {"SUNION", rule::reads},
      {"SUNSUBSCRIBE", rule::subscribes},
      {"SYNC", rule::subscribes},
      {"TIME", rule::reads},
      {"TTL", rule::reads},
      {"TYPE", rule::reads},
      {"UNSUBSCRIBE", rule::subscribes},
      {"UNWATCH", rule::changes},
      {"WAIT", rule::blocks},
      {"WAITAOF", rule::blocks},
      {"WATCH", rule::changes},
      {"XINFO", rule::reads},
      {"XLEN", rule::reads},
      {"XPENDING", rule::reads},
      {"XRANGE", rule::reads},
      {"XREAD", rule::stream_read},
      {"XREADGROUP", rule::stream_read},
      {"XREVRANGE", rule::reads},
      {"ZCARD", rule::reads},
      {"ZCOUNT", rule::reads},
      {"ZDIFF", rule::reads},
      {"ZINTER", rule::reads},
      {"ZINTERCARD", rule::reads},
      {"ZLEXCOUNT", rule::reads},
      {"ZMSCORE", rule::reads},
      {"ZRANDMEMBER", rule::reads},
      {"ZRANGE", rule::reads},
      {"ZRANGEBYLEX", rule::reads},
      {"ZRANGEBYSCORE", rule::reads},
      {"ZRANK", rule::reads},
      {"ZREVRANGE", rule::reads},
      {"ZREVRANGEBYLEX", rule::reads},
      {"ZREVRANGEBYSCORE", rule::reads},
      {"ZREVRANK", rule::reads},
      {"ZSCAN", rule::reads},
      {"ZSCORE", rule::reads},
      {"ZUNION", rule::reads},
  };
  return result;
}

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
  auto found = rules().find(name.view());
  if (found == rules().end())
    return {};
  switch (found->second) {
  case rule::reads:
    return {{}, true};
  case rule::changes:
    return {refusal(name.view(), it_changes)};
  case rule::blocks:
    return {refusal(name.view(), it_blocks)};
  case rule::subscribes:
    return {refusal(name.view(), "its messages would come in place of replies")};
  default:
    return rules_by_arguments(found->second, command);
  }
}

} // namespace dbs::redis
