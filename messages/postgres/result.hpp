// A result set as one immutable blob: cheap to copy, to cache and to send.
//
// ~~~
// for (auto row : result) {
//   auto name = row.get<std::string>("name");              // caf::expected<std::string>
//   auto age = row.get<std::optional<int32_t>>("age");     // null is nullopt
// }
// ~~~
//
// Layout, all numbers little endian, no padding:
//
// | offset | bytes | what                                                       |
// |--------|-------|------------------------------------------------------------|
// | 0      | 3     | "DBR"                                                      |
// | 3      | 1     | version: 1                                                 |
// | 4      | 4     | size of the whole blob                                     |
// | 8      | 4     | C: number of columns, at most 65535                        |
// | 12     | 4     | R: number of rows; 0 if there are no columns               |
// | 16     | 8     | affected rows                                              |
// | 24     | 4     | size of the command tag                                    |
// | 28     | 4     | zero                                                       |
// | 32     | 12 C  | columns: 4 type oid, 4 end of the name, 1 format, 3 zero   |
// |        | 4 R C | cells, row by row: bits 0-30 end of the cell, bit 31 null  |
// |        | rest  | heap: the tag, the names, the cells' bytes                 |
//
// Ends are offsets into the heap. Everything in it lies back to back in the order
// of the table, so a name or cell starts where its predecessor ends, and a null
// has no bytes.
#pragma once

#include "dbs/messages/blob.hpp"
#include "dbs/messages/postgres/codec.hpp"
#include "dbs/messages/postgres/result_view.hpp"
#include "dbs/messages/postgres/types.hpp"

#include <caf/error.hpp>
#include <caf/expected.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>

namespace dbs {

/// What a column is. The name is a view into the result.
struct pg_column {
  std::string_view name;
  /// See type_oid.hpp.
  uint32_t type_oid = 0;
  /// 0 for text, 1 for binary.
  uint8_t format = 0;
};

/// A row of a result: a view, valid as long as one copy of the result lives.
class pg_row {
public:
  /// The number of columns.
  size_t size() const noexcept { return view_.columns(); }

  /// True for null, and for columns that do not exist.
  bool is_null(size_t column) const noexcept {
    return column >= size() || view_.is_null(first_ + column);
  }

  /// The cell's bytes in the format of its column; empty for null and for columns that
  /// do not exist.
  std::string_view text(size_t column) const noexcept {
    return column < size() ? view_.cell(first_ + column) : std::string_view{};
  }

  /// Reads a cell of either format as one of the types in types.hpp, `std::optional`
  /// of it, or a type with a `pg_codec` of your own. Never truncates.
  ///
  /// Error: `invalid_argument` naming the column and its type, never the value,
  /// for null without `std::optional`, for text that is not a `T` as a whole or out
  /// of its range, for a binary value of a type that is not read as a `T`, and for
  /// columns that do not exist.
  template <class T>
  caf::expected<T> get(size_t column) const {
    using traits = internal::optional_traits<T>;
    using value_type = typename traits::type;
    static_assert(pg_decodable<value_type>,
                  "this type has no pg_codec that decodes: see types.hpp");
    if (column >= size())
      return internal::no_such_column(view_, column);
    if (is_null(column)) {
      if constexpr (traits::is_optional)
        return T(std::nullopt);
      else
        return internal::conversion_error(view_, column, "is null");
    }
    value_type result{};
    if (auto problem = decode(column, result))
      return internal::conversion_error(view_, column, problem);
    return T(std::move(result));
  }

  /// The same for the first column of that name.
  template <class T>
  caf::expected<T> get(std::string_view column) const {
    if (auto index = view_.column_index(column))
      return get<T>(*index);
    return internal::no_such_column(column);
  }

private:
  friend class pg_result;

  pg_row(internal::result_view view, size_t row) noexcept
      : view_(view), first_(row * view.columns()) {}

  template <class T>
  pg_problem decode(size_t column, T& out) const {
    if (view_.format(column) == 0)
      return pg_codec<T>::decode(text(column), out);
    return internal::decode_binary(pg_binary{view_.type_oid(column), text(column)}, out);
  }

  internal::result_view view_;
  size_t first_;
};

/// What a statement returned. Default-constructed it is empty.
class pg_result {
public:
  /// The largest result that can be built, in bytes. `blob::max_size` limits what
  /// may come from another process.
  static constexpr size_t max_size = size_t{1} << 30;

  static constexpr size_t max_columns = 65535;

  class iterator {
  public:
    using iterator_category = std::input_iterator_tag;
    using value_type = pg_row;
    using difference_type = std::ptrdiff_t;
    using pointer = void;
    using reference = pg_row;

    pg_row operator*() const noexcept { return {view_, row_}; }

    iterator& operator++() noexcept {
      ++row_;
      return *this;
    }

    iterator operator++(int) noexcept {
      auto result = *this;
      ++row_;
      return result;
    }

    bool operator==(const iterator& other) const noexcept { return row_ == other.row_; }

  private:
    friend class pg_result;

    iterator(internal::result_view view, size_t row) noexcept : view_(view), row_(row) {}

    internal::result_view view_;
    size_t row_;
  };

  pg_result() noexcept = default;

  /// Makes a result with a single allocation.
  ///
  /// @param describe_column `pg_column(size_t column)`.
  /// @param cell `std::optional<std::string_view>(size_t row, size_t column)`. Both
  ///        functions are called twice for everything and must return the same.
  /// @param tag the command tag, such as "INSERT 0 1".
  /// @param affected the number of rows that the command changed or returned.
  ///
  /// A result without columns has no rows. Error: `payload_too_large`.
  template <class DescribeColumn, class Cell>
  static caf::expected<pg_result> build(size_t column_count, size_t row_count,
                                        DescribeColumn&& describe_column, Cell&& cell,
                                        std::string_view tag, uint64_t affected) {
    if (column_count == 0)
      row_count = 0;
    if (column_count > max_columns || row_count > max_size)
      return internal::result_too_large(max_size);
    auto size = internal::result_header_size + tag.size() +
                column_count * (internal::result_column_size + row_count * 4);
    for (size_t i = 0; i < column_count; ++i)
      size += describe_column(i).name.size();
    for (size_t row = 0; row < row_count && size <= max_size; ++row)
      for (size_t i = 0; i < column_count; ++i)
        if (std::optional<std::string_view> bytes = cell(row, i))
          size += bytes->size();
    if (size > max_size)
      return internal::result_too_large(max_size);
    pg_result result;
    result.bytes_ = blob::build(size, [&](char* out) {
      internal::result_writer writer{out, size, column_count, row_count, affected, tag};
      write_columns(writer, column_count, describe_column);
      for (size_t row = 0; row < row_count; ++row)
        for (size_t i = 0; i < column_count; ++i)
          writer.cell(cell(row, i));
    });
    return result;
  }

  /// The same of cells that lie back to back in `bytes` already.
  ///
  /// @param ends the end of each, row by row, with `internal::result_null_bit` if it is
  ///        null; a multiple of the number of columns.
  template <class DescribeColumn>
  static caf::expected<pg_result> assemble(size_t column_count, DescribeColumn&& describe_column,
                                           std::span<const uint32_t> ends, std::string_view bytes,
                                           std::string_view tag, uint64_t affected) {
    auto size = internal::result_header_size + tag.size() +
                column_count * internal::result_column_size + ends.size() * 4 + bytes.size();
    for (size_t i = 0; i < column_count; ++i)
      size += describe_column(i).name.size();
    if (column_count > max_columns || size > max_size)
      return internal::result_too_large(max_size);
    auto row_count = column_count == 0 ? 0 : ends.size() / column_count;
    pg_result result;
    result.bytes_ = blob::build(size, [&](char* out) {
      internal::result_writer writer{out, size, column_count, row_count, affected, tag};
      write_columns(writer, column_count, describe_column);
      writer.cells(ends, bytes);
    });
    return result;
  }

  /// Takes the bytes of a result that came from anywhere and checks them
  /// completely. Error: `protocol_error`.
  static caf::expected<pg_result> from_bytes(blob bytes);

  /// The encoded result; empty for a default-constructed one.
  const blob& bytes() const noexcept { return bytes_; }

  size_t rows() const noexcept { return view().rows(); }

  size_t columns() const noexcept { return view().columns(); }

  /// True if there are no rows.
  bool empty() const noexcept { return rows() == 0; }

  /// Such as "SELECT 1", "INSERT 0 1" or "CREATE TABLE".
  std::string_view command_tag() const noexcept { return view().tag(); }

  uint64_t affected_rows() const noexcept { return view().affected(); }

  /// @pre `index < columns()`
  pg_column column(size_t index) const noexcept {
    return {view().name(index), view().type_oid(index), view().format(index)};
  }

  /// @pre `index < columns()`
  std::string_view column_name(size_t index) const noexcept { return view().name(index); }

  /// The first column of that name.
  std::optional<size_t> column_index(std::string_view name) const noexcept {
    return view().column_index(name);
  }

  /// @pre `index < rows()`
  pg_row row(size_t index) const noexcept { return {view(), index}; }

  iterator begin() const noexcept { return {view(), 0}; }

  iterator end() const noexcept { return {view(), rows()}; }

  friend bool operator==(const pg_result&, const pg_result&) = default;

  template <class Inspector>
  friend bool inspect(Inspector& f, pg_result& x) {
    if (!f.apply(x.bytes_))
      return false;
    if constexpr (Inspector::is_loading) {
      auto checked = from_bytes(std::move(x.bytes_));
      if (!checked) {
        x = pg_result{};
        f.set_error(std::move(checked.error()));
        return false;
      }
      x = std::move(*checked);
    }
    return true;
  }

private:
  template <class DescribeColumn>
  static void write_columns(internal::result_writer& writer, size_t count,
                            DescribeColumn& describe_column) {
    for (size_t i = 0; i < count; ++i) {
      pg_column column = describe_column(i);
      writer.column(column.type_oid, column.name, column.format);
    }
  }

  internal::result_view view() const noexcept { return internal::result_view{bytes_.view()}; }

  blob bytes_;
};

} // namespace dbs
