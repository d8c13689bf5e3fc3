// The writes of the cache's third level: of single keys, in statements of many.
#pragma once

#include "dbs/runtime/cache/l3_context.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace dbs::cache {

/// Belongs to `l3_core`, which says what each function is for.
class l3_writes {
public:
  using time_point = l3_context::time_point;

  explicit l3_writes(l3_context& context) : context_(context) {}

  /// @param seen for a fill.
  void ask(std::string_view key, const stored_value& what, const std::optional<version>& seen,
           time_point deadline, level_sink& to, level_token token);

  /// Sends as much as may be under way. A key is in one statement at a time.
  void flush();

  /// False if the statement is not one of these.
  bool on_result(l3_token token, caf::expected<pg_result>& result);

  /// What is asked is done nonetheless.
  void forget(const level_sink& to);

  /// Answers what waits, or everything.
  void refuse_waiting(const caf::error& reason);
  void refuse_all(const caf::error& reason);

  /// Whether everything that was asked for before `id` is done, or will never be.
  bool done_before(uint64_t id) const { return calls_.empty() || calls_.begin()->first > id; }

  bool idle() const noexcept { return calls_.empty(); }

private:
  struct call {
    /// Null: whoever has asked is gone.
    level_sink* to = nullptr;
    level_token token = 0;
    time_point deadline;
    timer_queue::timer_id timer;
    std::string key;
    stored_value what;
    std::optional<version> seen;
    uint32_t attempts = 0;
    bool in_flight = false;
    /// Answered, and in flight nonetheless.
    bool told = false;

    /// What it counts against the bounds.
    size_t bytes() const noexcept { return key.size() + what.value.size(); }
  };

  using call_map = std::map<uint64_t, call>;

  /// In the order of the statement's rows.
  using id_list = std::vector<uint64_t>;

  id_list gather();
  void send(id_list ids);
  void on_deadline(uint64_t id);
  /// It is not in flight any more.
  call_map::iterator land(uint64_t id);
  void repeat(call_map::iterator which);
  void answer(call_map::iterator which, caf::expected<level_write> what);
  /// Once, whatever is done later.
  void tell(call& which, caf::expected<level_write> what);

  l3_context& context_;
  /// In flight and waiting, in the order of asking.
  call_map calls_;
  std::unordered_map<l3_token, id_list> in_flight_;
  /// The keys in flight, which `calls_` holds.
  std::unordered_set<std::string_view> busy_;
};

} // namespace dbs::cache
