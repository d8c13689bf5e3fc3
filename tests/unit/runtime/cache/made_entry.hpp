// An entry in memory of its own.
#pragma once

#include "dbs/runtime/cache/entry.hpp"

#include <cstddef>
#include <memory>
#include <string_view>

namespace dbs::cache {

class made_entry {
public:
  explicit made_entry(uint32_t hash, std::string_view key = "key", std::string_view value = "",
                      const entry_meta& meta = {})
      : memory_(std::make_unique<std::byte[]>(
            entry::bytes_for(key.size(), value.size(), meta.tags != 0))),
        entry_(entry::make(memory_.get(), hash, key, value, meta)) {}

  entry& operator*() const noexcept { return *entry_; }
  entry* operator->() const noexcept { return entry_; }

private:
  std::unique_ptr<std::byte[]> memory_;
  entry* entry_;
};

} // namespace dbs::cache
