// Where those who live on one loop find each other without messages.
#pragma once

#include <memory>

namespace dbs {

/// Shared by both sides and by whoever starts them; outlives all incarnations. For who has the
/// turn of their loop alone.
///
/// The one who is found answers everybody who has asked before it goes. Those who ask see to
/// it that it forgets them before they go.
template <class T>
class loop_link {
public:
  /// Null while it is not there.
  T* get() const noexcept { return there_; }

  void up(T& who) noexcept { there_ = &who; }

  void down() noexcept { there_ = nullptr; }

private:
  T* there_ = nullptr;
};

} // namespace dbs
