// Where those who live on one loop find each other without messages.
#pragma once

#include <memory>

namespace dbs {

/// Shared by both sides and by whoever starts them; outlives all incarnations. For who has the
/// turn of their loop alone.
///
/// The one who is found answers everybody who has asked before it goes. Those who ask see to
/// it that it forgets them before they go, also while it is not to be asked.
template <class T>
class loop_link {
public:
  /// Null while it is not there, or not to be asked.
  T* get() const noexcept { return open_ ? there_ : nullptr; }

  /// Null while it is not there.
  T* whoever_is_there() const noexcept { return there_; }

  void up(T& who) noexcept {
    there_ = &who;
    open_ = true;
  }

  /// It is there, but not to be asked until it is up again.
  void close() noexcept { open_ = false; }

  void down() noexcept {
    there_ = nullptr;
    open_ = false;
  }

private:
  T* there_ = nullptr;
  bool open_ = false;
};

} // namespace dbs
