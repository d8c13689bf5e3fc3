// What a level keeps of a key, as the bytes that lie in Redis.
//
// msgpack, so that other languages can read it: an array of ten elements in a fixed form, so
// that a script finds the version, the expiry and the kind at fixed places. All numbers are
// big endian.
//
// | at   | bytes              | what                                                        |
// |------|--------------------|-------------------------------------------------------------|
// | 0    | 9a                 | an array of ten                                             |
// | 1    | 01                 | format                                                      |
// | 2    | cf, 8              | version: epoch                                              |
// | 11   | cf, 8              | version: sequence                                           |
// | 20   | cf, 8              | stale from then on: ms since 1970; all ones is never        |
// | 29   | cf, 8              | gone from then on, likewise                                 |
// | 38   | 00, 01 or 02       | kind: value, negative, tombstone                            |
// | 39   | 00 or 01           | codec: the bytes as they are, one block of LZ4              |
// | 40   | ce, 4              | size of the value, in bytes                                 |
// | 45   | dc, 2              | number of tags, up to 16                                    |
// | 48   | d9, 1, the tag     | each tag, in 1 to 128 bytes                                 |
// |      | c6, 4, the bytes   | the value, as the codec has it                              |
#pragma once

#include "dbs/runtime/cache/stored_value.hpp"

#include <caf/expected.hpp>

#include <cstddef>
#include <string_view>

namespace dbs::cache {

/// Where a script finds what it compares.
struct envelope_layout {
  static constexpr size_t epoch_at = 3;
  static constexpr size_t sequence_at = 12;
  static constexpr size_t hard_at = 30;
  static constexpr size_t kind_at = 38;
  /// With all of these.
  static constexpr size_t head_bytes = 39;

  /// Values from this size on are compressed, if that saves an eighth or more.
  static constexpr size_t compressed_from = 1024;
};

/// `what` has at most `stored_value::max_tags` tags of at most `max_tag_bytes` bytes, and times
/// not before 1970.
blob encode_envelope(const stored_value& what);

/// Takes bytes that came from anywhere. Allocates in proportion to `max_value_bytes`, and to
/// what is there, not to what it claims to be.
///
/// Error: `protocol_error` saying what is wrong with them, never what they are.
caf::expected<stored_value> decode_envelope(std::string_view bytes, size_t max_value_bytes);

} // namespace dbs::cache
