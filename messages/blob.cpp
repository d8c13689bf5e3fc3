#include "dbs/messages/blob.hpp"

#include "dbs/messages/error_detail.hpp"

#include <cstring>
#include <new>

namespace dbs {

blob::blob(std::string_view bytes) : rep_(allocate(bytes.size())) {
  if (!bytes.empty())
    std::memcpy(rep_->bytes(), bytes.data(), bytes.size());
}

blob::rep* blob::allocate(size_t size) {
  if (size == 0)
    return nullptr;
  auto* memory = ::operator new(sizeof(rep) + size);
  return new (memory) rep{1, size};
}

caf::error blob::too_large(size_t size) {
  return fail(errc::payload_too_large, "a blob from outside the process is too large",
              {{"size_bytes", static_cast<int64_t>(size)},
               {"limit_bytes", static_cast<int64_t>(max_size)}});
}

void blob::release() noexcept {
  if (rep_ != nullptr && rep_->refs.fetch_sub(1, std::memory_order_acq_rel) == 1) {
    rep_->~rep();
    ::operator delete(rep_);
  }
}

} // namespace dbs
