// Redis for actors: what `services.redis()` returns.
#pragma once

#include "dbs/actors/client/call_options.hpp"
#include "dbs/actors/client/pending_request.hpp"
#include "dbs/messages/redis/redis.hpp"
#include "dbs/runtime/caf/mail.hpp"
#include "dbs/runtime/redis/script.hpp"

#include <initializer_list>
#include <string_view>
#include <utility>
#include <vector>

namespace dbs {

/// A small, copyable client of Redis. Valid for the life of the services, whatever
/// restarts behind it; may be copied to any thread.
///
///     redis.command(self, "SET", "user:1", name, "EX", 60)
///       .then([](const redis_reply& reply) { ... }, [](const caf::error& why) { ... });
///
/// Commands of all callers share a few connections: see docs/redis.md for what may not run
/// there, and what is repeated when one breaks.
class redis_client {
public:
  explicit redis_client(redis_actor redis, call_options options = {})
      : redis_(std::move(redis)), options_(options) {}

  /// For those who want messages.
  const redis_actor& actor() const noexcept { return redis_; }

  /// A client whose calls must be answered within `timeout`.
  redis_client within(caf::timespan timeout) const {
    auto options = options_;
    options.timeout = timeout;
    return redis_client{redis_, options};
  }

  /// Runs one command, whose words are texts, blobs and numbers.
  template <class Self, class... Ts>
  auto command(Self* self, std::string_view name, const Ts&... words) const {
    return run(self, make_redis_command(name, words...));
  }

  /// The same for a command that was put together beforehand.
  template <class Self>
  auto run(Self* self, redis_command what) const {
    return ask(self, std::move(what));
  }

  /// Runs commands one behind the other in one round trip; the handler gets one reply for
  /// each, as `std::vector<redis_reply>`, errors among them.
  template <class Self>
  auto pipeline(Self* self, std::vector<redis_command> commands) const {
    return ask(self, redis_batch{std::move(commands)});
  }

  template <class Self, class... Ts>
  auto script(Self* self, const redis_script& what, std::initializer_list<std::string_view> keys,
              const Ts&... arguments) const {
    auto call = what.call({keys.begin(), keys.size()});
    (call.add(arguments), ...);
    return run(self, std::move(call));
  }

private:
  template <class Self, class Request>
  auto ask(Self* self, Request what) const {
    return pending_request{
        mail(self, command_atom_v, options_.context(self->system()), std::move(what))
            .request(redis_, caf::infinite)};
  }

  redis_actor redis_;
  call_options options_;
};

} // namespace dbs
