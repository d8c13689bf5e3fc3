#include "dbs/runtime/cache/envelope.hpp"

#include "dbs/messages/error_detail.hpp"

#include <lz4.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>

namespace dbs::cache {

namespace {

enum class codec : uint8_t { raw, lz4 };

constexpr char array_of_ten = '\x9a';
constexpr char format = 1;
constexpr char u64 = '\xcf';
constexpr char u32 = '\xce';
constexpr char array16 = '\xdc';
constexpr char str8 = '\xd9';
constexpr char bin32 = '\xc6';

/// Up to the first tag.
constexpr size_t fixed_bytes = 48;

// -- writing -------------------------------------------------------------------------

template <class T>
char* put(char* to, char mark, T number, size_t bytes = sizeof(T)) {
  *to++ = mark;
  for (auto i = bytes; i-- > 0;)
    *to++ = static_cast<char>(number >> (8 * i) & 0xff);
  return to;
}

char* put(char* to, std::string_view bytes) {
  if (!bytes.empty())
    std::memcpy(to, bytes.data(), bytes.size());
  return to + bytes.size();
}

uint64_t to_number(wall_time t) {
  return t == wall_time::max() ? UINT64_MAX : static_cast<uint64_t>(t.time_since_epoch().count());
}

size_t tag_bytes(const stored_value& what) {
  size_t result = 0;
  for (auto& tag : what.tags)
    result += 2 + tag.size();
  return result;
}

/// Up to the bytes of the value.
char* put_head(char* to, const stored_value& what, codec how, size_t coded) {
  *to++ = array_of_ten;
  *to++ = format;
  to = put(to, u64, what.vers.epoch);
  to = put(to, u64, what.vers.sequence);
  to = put(to, u64, to_number(what.soft));
  to = put(to, u64, to_number(what.hard));
  *to++ = static_cast<char>(what.kind);
  *to++ = static_cast<char>(how);
  to = put(to, u32, static_cast<uint32_t>(what.value.size()));
  to = put(to, array16, static_cast<uint32_t>(what.tags.size()), 2);
  for (auto& tag : what.tags)
    to = put(put(to, str8, static_cast<uint32_t>(tag.size()), 1), tag);
  return put(to, bin32, static_cast<uint32_t>(coded));
}

/// An LZ4 block; nothing if it would not save an eighth.
std::unique_ptr<char[]> compress(std::string_view value, size_t& size) {
  if (value.size() < envelope_layout::compressed_from || value.size() > LZ4_MAX_INPUT_SIZE)
    return nullptr;
  auto room = value.size() - value.size() / 8;
  auto result = std::make_unique_for_overwrite<char[]>(room);
  auto written = LZ4_compress_default(value.data(), result.get(), static_cast<int>(value.size()),
                                      static_cast<int>(room));
  size = static_cast<size_t>(written);
  return written > 0 ? std::move(result) : nullptr;
}

// -- reading -------------------------------------------------------------------------

caf::error refuse(std::string what) {
  return fail(errc::protocol_error, "a cached entry makes no sense: " + std::move(what));
}

/// Takes the bytes one after the other. What is missing, or is something else, leaves it
/// failed, and what it returns from then on means nothing.
class cursor {
public:
  explicit cursor(std::string_view bytes) : rest_(bytes) {}

  void expect(char mark) {
    if (take(1) != std::string_view{&mark, 1})
      good_ = false;
  }

  uint64_t number(size_t bytes) {
    uint64_t result = 0;
    for (auto c : take(bytes))
      result = result << 8 | static_cast<unsigned char>(c);
    return result;
  }

  uint64_t number(char mark, size_t bytes) {
    expect(mark);
    return number(bytes);
  }

  std::string_view take(size_t bytes) {
    if (!good_ || rest_.size() < bytes) {
      good_ = false;
      return {};
    }
    auto result = rest_.substr(0, bytes);
    rest_.remove_prefix(bytes);
    return result;
  }

  bool good() const { return good_; }
  size_t left() const { return rest_.size(); }

private:
  std::string_view rest_;
  bool good_ = true;
};

bool take_time(cursor& from, wall_time& to) {
  auto ms = from.number(u64, 8);
  to = ms == UINT64_MAX ? wall_time::max()
                        : wall_time{wall_time::duration{static_cast<int64_t>(ms)}};
  return ms == UINT64_MAX || ms < static_cast<uint64_t>(INT64_MAX);
}

caf::error take_tags(cursor& from, std::vector<std::string>& to) {
  auto count = from.number(array16, 2);
  if (count > stored_value::max_tags)
    return refuse("it has " + std::to_string(count) + " tags");
  to.reserve(count);
  while (to.size() < count && from.good()) {
    auto size = from.number(str8, 1);
    if (size == 0 || size > stored_value::max_tag_bytes)
      return from.good() ? refuse("a tag has " + std::to_string(size) + " bytes") : caf::error{};
    to.emplace_back(from.take(size));
  }
  return {};
}

caf::error take_value(std::string_view coded, codec how, size_t size, blob& to) {
  if (how == codec::raw) {
    if (coded.size() != size)
      return refuse("its value has another size than it says");
    to = blob{coded};
    return {};
  }
  // A block of n bytes stands for at most 255 n.
  if (size == 0 || size / 255 > coded.size())
    return refuse("its value is not what compression made of it");
  auto written = -1;
  to = blob::build(size, [&](char* bytes) {
    written = LZ4_decompress_safe(coded.data(), bytes, static_cast<int>(coded.size()),
                                  static_cast<int>(size));
  });
  if (written != static_cast<int>(size))
    return refuse("its value is not what compression made of it");
  return {};
}

} // namespace

blob encode_envelope(const stored_value& what) {
  auto value = what.value.view();
  size_t packed_size = 0;
  auto packed = compress(value, packed_size);
  auto coded = packed ? std::string_view{packed.get(), packed_size} : value;
  return blob::build(fixed_bytes + tag_bytes(what) + 5 + coded.size(), [&](char* to) {
    put(put_head(to, what, packed ? codec::lz4 : codec::raw, coded.size()), coded);
  });
}

caf::expected<stored_value> decode_envelope(std::string_view bytes, size_t max_value_bytes) {
  cursor from{bytes};
  from.expect(array_of_ten);
  if (!from.good())
    return refuse("it is not one of ours");
  if (auto found = from.number(1); from.good() && found != format)
    return refuse("its format " + std::to_string(found) + " is unknown");
  stored_value result;
  result.vers.epoch = from.number(u64, 8);
  result.vers.sequence = from.number(u64, 8);
  if (from.good() && !is_credible(result.vers))
    return refuse("its version is out of range");
  if (auto sane = take_time(from, result.soft) && take_time(from, result.hard);
      from.good() && !sane)
    return refuse("its expiry is out of range");
  auto kind = from.number(1);
  auto how = from.number(1);
  auto size = from.number(u32, 4);
  if (!from.good())
    return refuse("its head is cut off, or not in the fixed form");
  if (kind > static_cast<uint64_t>(stored_kind::tombstone))
    return refuse("its kind " + std::to_string(kind) + " is unknown");
  if (how > static_cast<uint64_t>(codec::lz4))
    return refuse("its codec " + std::to_string(how) + " is unknown");
  if (size > max_value_bytes)
    return refuse("its value has " + std::to_string(size) + " bytes");
  result.kind = static_cast<stored_kind>(kind);
  if (auto refused = take_tags(from, result.tags))
    return refused;
  auto coded = from.take(from.number(bin32, 4));
  if (!from.good())
    return refuse("it is cut off, or not in the fixed form");
  if (from.left() > 0)
    return refuse("there are " + std::to_string(from.left()) + " bytes behind its end");
  if (auto refused = take_value(coded, static_cast<codec>(how), size, result.value))
    return refused;
  return result;
}

} // namespace dbs::cache
