// Machinery of result.hpp: reads and writes the layout that is documented there.
#pragma once

#include "dbs/messages/little_endian.hpp"

#include <caf/error.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>

namespace dbs::internal {

inline constexpr size_t result_header_size = 32;
inline constexpr size_t result_column_size = 12;
inline constexpr char result_magic[] = {'D', 'B', 'R', 1};
inline constexpr uint32_t result_null_bit = uint32_t{1} << 31;

/// A header without columns and rows, for empty results.
inline constexpr char empty_result_header[result_header_size] = {};

/// Trusts its bytes: they were built here or checked by `pg_result::from_bytes`.
class result_view {
public:
  explicit result_view(std::string_view bytes) noexcept
      : base_(bytes.empty() ? empty_result_header : bytes.data()), columns_(load_u32(base_ + 8)),
        rows_(load_u32(base_ + 12)) {}

  size_t columns() const noexcept { return columns_; }

  size_t rows() const noexcept { return rows_; }

  uint64_t affected() const noexcept { return load_u64(base_ + 16); }

  size_t tag_size() const noexcept { return load_u32(base_ + 24); }

  std::string_view tag() const noexcept { return {heap(), tag_size()}; }

  uint32_t type_oid(size_t column) const noexcept { return load_u32(column_entry(column)); }

  size_t name_end(size_t column) const noexcept { return load_u32(column_entry(column) + 4); }

  uint8_t format(size_t column) const noexcept {
    return static_cast<uint8_t>(column_entry(column)[8]);
  }

  std::string_view name(size_t column) const noexcept {
    auto start = column == 0 ? tag_size() : name_end(column - 1);
    return {heap() + start, name_end(column) - start};
  }

  std::optional<size_t> column_index(std::string_view wanted) const noexcept {
    for (size_t i = 0; i < columns_; ++i)
      if (name(i) == wanted)
        return i;
    return std::nullopt;
  }

  bool is_null(size_t index) const noexcept { return (load_u32(cells() + 4 * index) >> 31) != 0; }

  size_t cell_end(size_t index) const noexcept {
    return load_u32(cells() + 4 * index) & ~result_null_bit;
  }

  std::string_view cell(size_t index) const noexcept {
    auto start = index == 0 ? name_end(columns_ - 1) : cell_end(index - 1);
    return {heap() + start, cell_end(index) - start};
  }

  const char* cells() const noexcept {
    return base_ + result_header_size + result_column_size * columns_;
  }

  const char* heap() const noexcept { return cells() + 4 * rows() * columns(); }

  const char* column_entry(size_t column) const noexcept {
    return base_ + result_header_size + result_column_size * column;
  }

private:
  const char* base_;
  uint32_t columns_;
  uint32_t rows_;
};

/// Writes a result front to back into memory of the right size.
class result_writer {
public:
  result_writer(char* out, size_t size, size_t columns, size_t rows, uint64_t affected,
                std::string_view tag) noexcept
      : entry_(out + result_header_size), heap_(entry_ + columns * (result_column_size + 4 * rows)),
        position_(heap_) {
    std::memcpy(out, result_magic, sizeof(result_magic));
    store_u32(out + 4, static_cast<uint32_t>(size));
    store_u32(out + 8, static_cast<uint32_t>(columns));
    store_u32(out + 12, static_cast<uint32_t>(rows));
    store_u64(out + 16, affected);
    store_u32(out + 24, static_cast<uint32_t>(tag.size()));
    store_u32(out + 28, 0);
    append(tag);
  }

  void column(uint32_t type_oid, std::string_view name, uint8_t format) noexcept {
    append(name);
    store_u32(entry_, type_oid);
    store_u32(entry_ + 4, end());
    store_u32(entry_ + 8, format);
    entry_ += result_column_size;
  }

  /// All cells at once: the end of each in `bytes`, with the null bit if it is null.
  void cells(std::span<const uint32_t> ends, std::string_view bytes) noexcept {
    auto start = end();
    append(bytes);
    for (auto x : ends) {
      store_u32(entry_, x + start);
      entry_ += 4;
    }
  }

  void cell(std::optional<std::string_view> bytes) noexcept {
    if (bytes)
      append(*bytes);
    store_u32(entry_, end() | (bytes ? 0 : result_null_bit));
    entry_ += 4;
  }

private:
  void append(std::string_view bytes) noexcept {
    if (!bytes.empty())
      std::memcpy(position_, bytes.data(), bytes.size());
    position_ += bytes.size();
  }

  uint32_t end() const noexcept { return static_cast<uint32_t>(position_ - heap_); }

  char* entry_;
  char* heap_;
  char* position_;
};

/// Nullptr if every number in the bytes of a result is sound, else what is not.
const char* check_result(std::string_view bytes) noexcept;

caf::error result_too_large(size_t limit);
caf::error no_such_column(const result_view& view, size_t column);
caf::error no_such_column(std::string_view column);
caf::error conversion_error(const result_view& view, size_t column, const char* problem);

} // namespace dbs::internal
