// Immutable, reference-counted bytes: cache values, payloads, bytea, result sets.
//
// Copying a blob copies a pointer, so it can be handed from actor to actor for
// free. CAF serialises it as a string, which is about 100 times faster than a
// vector of bytes (measured on CAF 0.18.7).
#pragma once

#include "dbs/messages/printer.hpp"
#include "dbs/messages/type_ids.hpp"

#include <caf/error.hpp>
#include <caf/string_view.hpp>

#include <atomic>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace dbs {

class blob {
public:
  /// The largest blob that is accepted from outside the process, in bytes.
  static constexpr size_t max_size = size_t{64} << 20;

  blob() noexcept = default;

  /// Copies `bytes`.
  explicit blob(std::string_view bytes);

  blob(const blob& other) noexcept : rep_(other.rep_) {
    if (rep_ != nullptr)
      rep_->refs.fetch_add(1, std::memory_order_relaxed);
  }

  blob(blob&& other) noexcept : rep_(std::exchange(other.rep_, nullptr)) {}

  blob& operator=(blob other) noexcept {
    std::swap(rep_, other.rep_);
    return *this;
  }

  ~blob() { release(); }

  /// Makes a blob of `size` bytes and lets `fill(char*)` write them, without a
  /// second copy.
  template <class Fill>
  static blob build(size_t size, Fill&& fill) {
    blob result{allocate(size)};
    if (size > 0)
      fill(result.rep_->bytes());
    return result;
  }

  const char* data() const noexcept { return rep_ != nullptr ? rep_->bytes() : ""; }

  size_t size() const noexcept { return rep_ != nullptr ? rep_->size : 0; }

  bool empty() const noexcept { return size() == 0; }

  std::string_view view() const noexcept { return {data(), size()}; }

  friend bool operator==(const blob& x, const blob& y) noexcept { return x.view() == y.view(); }

  template <class Inspector>
  friend bool inspect(Inspector& f, blob& x) {
    if constexpr (Inspector::is_loading) {
      std::string bytes;
      if (!f.apply(bytes))
        return false;
      if (bytes.size() > max_size) {
        f.set_error(too_large(bytes.size()));
        return false;
      }
      x = blob{bytes};
      return true;
    } else {
      // Logs are no place for contents: they may be large, and they may be secret.
      if (internal::is_printer(f))
        return f.value(caf::string_view{"<" + std::to_string(x.size()) + " bytes>"});
      // The string_view overload of CAF's savers writes the same bytes as a string.
      return f.value(caf::string_view{x.data(), x.size()});
    }
  }

private:
  /// One allocation: this header, then the bytes.
  struct rep {
    std::atomic<size_t> refs;
    size_t size;
    char* bytes() noexcept { return reinterpret_cast<char*>(this + 1); }
  };

  explicit blob(rep* ptr) noexcept : rep_(ptr) {}

  static rep* allocate(size_t size);

  static caf::error too_large(size_t size);

  void release() noexcept;

  rep* rep_ = nullptr;
};

} // namespace dbs
