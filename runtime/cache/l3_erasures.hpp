// The erasures of the cache's third level: prefixes and tags, piece by piece.
#pragma once

#include "dbs/runtime/cache/l3_writes.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace dbs::cache {

/// Belongs to `l3_core`, which says what each function is for. One erasure at a time, in the
/// order of asking, and each when all writes that were asked for before are done: what is
/// written after the erasure's snapshot, and is older, would stay.
class l3_erasures {
public:
  using time_point = l3_context::time_point;

  l3_erasures(l3_context& context, const l3_writes& writes) : context_(context), writes_(writes) {}

  void ask(l3_scope scope, std::string_view text, const version& vers, time_point deadline,
           level_sink& to, level_token token);

  void flush();

  /// False if the statement is not one of these.
  bool on_result(l3_token token, caf::expected<pg_result>& result);

  /// What is asked is done nonetheless.
  void forget(const level_sink& to);

  /// Answers what waits, or everything.
  void refuse_waiting(const caf::error& reason);
  void refuse_all(const caf::error& reason);

  bool idle() const noexcept { return calls_.empty() && in_flight_ == 0; }

private:
  struct call {
    /// Null: whoever has asked is gone.
    level_sink* to = nullptr;
    level_token token = 0;
    time_point deadline;
    timer_queue::timer_id timer;
    l3_scope scope = l3_scope::prefix;
    std::string text;
    version vers;
    std::string after;
    uint32_t attempts = 0;
    /// A piece was sent.
    bool begun = false;
  };

  using call_map = std::map<uint64_t, call>;

  void on_result_of(call_map::iterator which, caf::expected<l3_erased> what);
  void answer(call_map::iterator which, const caf::error& reason);

  l3_context& context_;
  const l3_writes& writes_;
  call_map calls_;
  /// The statement under way, and the call it is for, which may be answered already.
  l3_token in_flight_ = 0;
  uint64_t current_ = 0;
};

} // namespace dbs::cache
