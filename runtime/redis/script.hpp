// A Lua script that Redis runs, known to it by its SHA-1.
#pragma once

#include "dbs/messages/blob.hpp"
#include "dbs/messages/redis/command.hpp"

#include <span>
#include <string>
#include <string_view>

namespace dbs {

/// Made once and kept, by whoever calls it: copies share the source. Redis is sent the
/// digest alone, and the source when it does not know the script, at first, or after a
/// restart.
///
///     const redis_script take{"if redis.call('get', KEYS[1]) == ARGV[1] then "
///                             "return redis.call('del', KEYS[1]) else return 0 end"};
///     redis.script(self, take, {"lock"}, token).then(...);
class redis_script {
public:
  enum class effect {
    /// It is sent once: without an answer its outcome is unknown.
    writes,
    /// It calls nothing that writes, which Redis checks (EVALSHA_RO, Redis 7): it may be
    /// repeated.
    reads,
  };

  explicit redis_script(std::string_view source, effect what = effect::writes);

  /// 40 hexadecimal digits.
  const std::string& sha1() const noexcept { return sha1_; }

  /// A call with these keys, to which the arguments are to be added.
  redis_command call(std::span<const std::string_view> keys) const;

private:
  blob source_;
  std::string sha1_;
  effect effect_;
};

} // namespace dbs
