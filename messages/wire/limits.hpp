// What both ends of the map codec agree on: its bounds and its byte strings.
#pragma once

#include <cstddef>
#include <string_view>

namespace dbs::wire {

/// The writer refuses to write, and the reader to read, more than this.
struct limits {
  /// The whole map, encoded.
  size_t max_bytes = size_t{1} << 20;
  /// Keys of the map, known or not.
  size_t max_entries = 64;
  /// A key, in bytes.
  size_t max_key = 128;
  /// A string or byte string, in bytes.
  size_t max_string = size_t{1} << 20;
  /// Elements of all arrays together.
  size_t max_elements = 4096;
  /// The map is at depth 1, an array in it at depth 2; what is deeper can only be
  /// the value of an unknown key.
  size_t max_depth = 4;
};

/// Marks bytes that are not text: msgpack's type bin.
struct bytes {
  std::string_view view;

  friend bool operator==(const bytes&, const bytes&) = default;
};

} // namespace dbs::wire
