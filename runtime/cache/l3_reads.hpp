// The reads of the cache's third level: what is asked while statements are under way is
// gathered into the next one.
#pragma once

#include "dbs/runtime/cache/l3_context.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace dbs::cache {

/// Belongs to `l3_core`, which says what each function is for.
class l3_reads {
public:
  using time_point = l3_context::time_point;

  explicit l3_reads(l3_context& context) : context_(context) {}

  /// @param single whether the answer is that of one key.
  void ask(std::vector<std::string> keys, bool single, time_point deadline, level_sink& to,
           level_token token);

  /// Sends as much as may be under way.
  void flush();

  /// False if the statement is not one of these.
  bool on_result(l3_token token, caf::expected<pg_result>& result);

  void forget(const level_sink& to);

  /// Answers what waits, or everything.
  void refuse_waiting(const caf::error& reason);
  void refuse_all(const caf::error& reason);

  bool idle() const noexcept { return calls_.empty() && in_flight_.empty(); }

private:
  struct call {
    level_sink* to = nullptr;
    level_token token = 0;
    bool single = false;
    time_point deadline;
    /// When it was first seen by `flush`.
    time_point asked;
    timer_queue::timer_id timer;
    std::vector<std::string> keys; // moved from as they are sent
    size_t sent = 0;
    size_t answered = 0;
    std::vector<std::optional<stored_value>> found;
  };

  using call_map = std::map<uint64_t, call>;

  /// A key in a statement, and for whom.
  struct part {
    std::string key;
    uint64_t call = 0;
    size_t index = 0;
    bool left_out = false;
  };

  using part_list = std::vector<part>;

  part_list gather();
  void send(part_list parts);
  void take(part_list& parts, const std::vector<l3_found>& rows);
  void answer(call_map::iterator which);
  void refuse(call_map::iterator which, const caf::error& reason);
  call remove(call_map::iterator which);

  l3_context& context_;
  call_map calls_;
  /// All calls before this one are sent as a whole.
  uint64_t unsent_ = 0;
  /// All calls before this one were seen by `flush`.
  uint64_t unseen_ = 0;
  /// Sent once, and left out of the answer.
  part_list again_;
  std::unordered_map<l3_token, part_list> in_flight_;
};

} // namespace dbs::cache
