// Host names to addresses, off the event loop.
#pragma once

#include "dbs/runtime/io/blocking_pool.hpp"
#include "dbs/runtime/io/loop_context.hpp"

#include <caf/expected.hpp>

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace dbs {

/// Looks host names up. Belongs to one event loop and is used on its thread.
class resolver {
public:
  /// Numeric addresses in the order in which they should be tried, at least one,
  /// or `connection_lost` with the reason.
  using callback = std::function<void(caf::expected<std::vector<std::string>>)>;

  /// More addresses of a name than this are ignored.
  static constexpr size_t max_addresses = 16;

  virtual ~resolver() = default;

  /// Answers once, on the loop's thread, never from inside this call. The callback
  /// is dropped unanswered if the resolver's threads stop first.
  virtual void resolve(const std::string& host, callback done) = 0;
};

/// The system's resolver, getaddrinfo(3), on the threads of `pool`.
std::unique_ptr<resolver> make_system_resolver(loop_context& io, blocking_pool& pool);

} // namespace dbs
