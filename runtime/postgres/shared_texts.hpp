// What the pool knows of the statements that ask to share a connection, by their text.
#pragma once

#include "dbs/runtime/postgres/pool_slot.hpp"

#include <caf/timespan.hpp>

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace dbs::postgres {

/// Says which texts may share and which are too slow for it. A text is slow from the first
/// run that takes as long as the threshold. From there on its estimate falls by an eighth
/// of the difference with every quicker run, and below the threshold it is quick again.
///
/// Bounded: a new text takes the place of any other one, which is judged anew if it
/// comes again.
class shared_texts {
public:
  static constexpr size_t max_texts = 1024;

  /// Longer texts do not share.
  static constexpr size_t max_text_size = 8 * 1024;

  explicit shared_texts(caf::timespan threshold) : threshold_(threshold) {}

  /// Where a statement belongs: `own` if it must not share.
  request_lane lane_of(std::string_view sql);

  /// To be called with the times of slow statements, and of those that reach the threshold.
  void took(std::string_view sql, caf::timespan duration);

  caf::timespan threshold() const noexcept { return threshold_; }

  size_t size() const noexcept { return known_.size(); }

private:
  struct verdict {
    bool may_share = false;
    /// Zero while the text is quick.
    caf::timespan estimate{0};
  };

  struct hash {
    using is_transparent = void;
    size_t operator()(std::string_view x) const noexcept {
      return std::hash<std::string_view>{}(x);
    }
  };

  verdict& find(std::string_view sql);

  caf::timespan threshold_;
  std::unordered_map<std::string, verdict, hash, std::equal_to<>> known_;
};

} // namespace dbs::postgres
