// Replies by number: what the pool's logic calls a token.
#pragma once

#include "dbs/runtime/caf/reply.hpp"

#include <caf/expected.hpp>

#include <cstdint>
#include <type_traits>
#include <utility>
#include <vector>

namespace dbs::internal {

/// Grows to the largest number of requests that were open at a time, which the
/// pool's queue bounds, and allocates nothing from then on.
template <class T>
class reply_slab {
public:
  uint64_t put(reply<T> what) {
    if (free_.empty()) {
      slots_.push_back(std::move(what));
      return slots_.size() - 1;
    }
    auto token = free_.back();
    free_.pop_back();
    slots_[token] = std::move(what);
    return token;
  }

  reply<T> take(uint64_t token) {
    free_.push_back(token);
    return std::move(slots_[token]);
  }

  /// Answers with a value or an error, whichever it is.
  void answer(uint64_t token, caf::expected<T> what) {
    auto caller = take(token);
    if (!what)
      caller.deliver(std::move(what.error()));
    else if constexpr (std::is_void_v<T>)
      caller.deliver();
    else
      caller.deliver(std::move(*what));
  }

private:
  std::vector<reply<T>> slots_;
  std::vector<uint64_t> free_;
};

} // namespace dbs::internal
