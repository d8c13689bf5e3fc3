#include "dbs/messages/wire/map_reader.hpp"

#include "dbs/messages/error_detail.hpp"
#include "dbs/messages/wire/internal/key_error.hpp"

#ifndef MSGPACK_NO_BOOST
  #define MSGPACK_NO_BOOST
#endif
#include <msgpack/null_visitor.hpp>
#include <msgpack/unpack.hpp> // makes parse.hpp complete

#include <algorithm>
#include <utility>

namespace dbs::wire {

using kind = map_reader::value::kind;

/// Follows msgpack's parser, which reports what it has seen and stops when a
/// function returns false.
struct map_reader::collector : msgpack::null_visitor {
  collector(map_reader& target, const limits& bounds) : reader(target), max(bounds) {}

  map_reader& reader;
  const limits& max;
  size_t depth = 0;
  /// Between the start and the end of a key of the outermost map.
  bool in_key = false;
  /// In an array that is the value of an entry.
  bool in_array = false;
  const char* problem = nullptr;

  bool refuse(const char* what) {
    problem = what;
    return false;
  }

  bool scalar(const value& x) {
    if (depth == 0)
      return refuse("is not a map");
    if (in_key) {
      if (x.type != kind::text)
        return refuse("has a key that is not a string");
      if (x.text.size() > max.max_key)
        return refuse("has a key that is too long");
      reader.entries_.push_back({x.text, {}});
      return true;
    }
    if (x.text.size() > max.max_string)
      return refuse("is too long");
    if (depth == 1)
      reader.entries_.back().val = x;
    else if (depth == 2 && in_array) {
      reader.elements_.push_back(x);
      ++reader.entries_.back().val.size;
    }
    return true;
  }

  bool enter() {
    if (in_key)
      return refuse("has a key that is not a string");
    if (++depth > max.max_depth)
      return refuse("is nested too deeply");
    return true;
  }

  // -- called by the parser ------------------------------------------------------

  bool visit_nil() { return scalar({}); }

  bool visit_boolean(bool x) {
    value v;
    v.type = kind::boolean;
    v.boolean = x;
    return scalar(v);
  }

  bool visit_positive_integer(uint64_t x) {
    value v;
    v.type = kind::unsigned_integer;
    v.unsigned_integer = x;
    return scalar(v);
  }

  bool visit_negative_integer(int64_t x) {
    if (x >= 0) // a non-minimal encoding of a positive number
      return visit_positive_integer(static_cast<uint64_t>(x));
    value v;
    v.type = kind::negative_integer;
    v.negative_integer = x;
    return scalar(v);
  }

  bool visit_float32(float x) { return visit_float64(x); }

  bool visit_float64(double x) {
    value v;
    v.type = kind::real;
    v.real = x;
    return scalar(v);
  }

  bool visit_str(const char* data, uint32_t size) { return text(kind::text, data, size); }

  bool visit_bin(const char* data, uint32_t size) { return text(kind::binary, data, size); }

  bool visit_ext(const char* data, uint32_t size) { return text(kind::unsupported, data, size); }

  bool text(kind type, const char* data, uint32_t size) {
    value v;
    v.type = type;
    v.text = {data, size};
    return scalar(v);
  }

  bool start_map(uint32_t size) {
    if (!enter())
      return false;
    if (depth == 1)
      return size <= max.max_entries || refuse("has too many entries");
    reader.entries_.back().val.type = kind::unsupported;
    return true;
  }

  bool end_map() {
    --depth;
    return true;
  }

  bool start_map_key() {
    in_key = depth == 1;
    return true;
  }

  bool end_map_key() {
    in_key = false;
    return true;
  }

  bool start_array(uint32_t size) {
    if (depth == 0)
      return refuse("is not a map");
    if (!enter())
      return false;
    auto& val = reader.entries_.back().val;
    if (depth > 2) {
      val.type = kind::unsupported;
      return true;
    }
    if (size > max.max_elements - reader.elements_.size())
      return refuse("has too many elements");
    in_array = true;
    val.type = kind::array;
    val.first = reader.elements_.size();
    return true;
  }

  bool end_array() {
    if (--depth == 1)
      in_array = false;
    return true;
  }

  void parse_error(size_t, size_t) { problem = "is not msgpack"; }

  void insufficient_bytes(size_t, size_t) { problem = "is cut off"; }
};

caf::expected<map_reader> map_reader::parse(std::string_view data, const limits& bounds) {
  auto broken = [](std::string_view problem) {
    return fail(errc::protocol_error, std::string{"the encoded map "}.append(problem));
  };
  if (data.size() > bounds.max_bytes)
    return broken("is too large");
  map_reader result;
  collector visitor{result, bounds};
  size_t offset = 0;
  if (!msgpack::parse(data.data(), data.size(), offset, visitor)) {
    auto* problem = visitor.problem != nullptr ? visitor.problem : "is not msgpack";
    if (visitor.depth == 0 || visitor.in_key || result.entries_.empty())
      return broken(problem);
    return refuse(result.entries_.back().key, problem);
  }
  if (offset != data.size())
    return broken("has something behind its end");
  auto& entries = result.entries_;
  std::sort(entries.begin(), entries.end(),
            [](const entry& x, const entry& y) { return x.key < y.key; });
  auto twice = std::adjacent_find(entries.begin(), entries.end(),
                                  [](const entry& x, const entry& y) { return x.key == y.key; });
  if (twice != entries.end())
    return refuse(twice->key, "is there twice");
  return result;
}

const map_reader::value* map_reader::find(std::string_view key) const noexcept {
  auto i = std::lower_bound(entries_.begin(), entries_.end(), key,
                            [](const entry& x, std::string_view y) { return x.key < y; });
  return i != entries_.end() && i->key == key ? &i->val : nullptr;
}

caf::error map_reader::refuse(std::string_view key, const char* problem) {
  return internal::key_error(errc::protocol_error, key, problem);
}

// -- conversions -------------------------------------------------------------------

const char* map_reader::convert(const value& from, bool& to) noexcept {
  if (from.type != kind::boolean)
    return "is not a boolean";
  to = from.boolean;
  return nullptr;
}

const char* map_reader::convert(const value& from, int64_t& to) noexcept {
  if (from.type == kind::negative_integer) {
    to = from.negative_integer;
    return nullptr;
  }
  if (from.type != kind::unsigned_integer)
    return "is not an integer";
  to = static_cast<int64_t>(from.unsigned_integer);
  return std::in_range<int64_t>(from.unsigned_integer) ? nullptr : "is out of range";
}

const char* map_reader::convert(const value& from, uint64_t& to) noexcept {
  if (from.type == kind::negative_integer)
    return "is out of range";
  if (from.type != kind::unsigned_integer)
    return "is not an integer";
  to = from.unsigned_integer;
  return nullptr;
}

const char* map_reader::convert(const value& from, double& to) noexcept {
  if (from.type != kind::real)
    return "is not a floating point number";
  to = from.real;
  return nullptr;
}

const char* map_reader::convert(const value& from, std::string_view& to) noexcept {
  if (from.type != kind::text)
    return "is not a string";
  to = from.text;
  return nullptr;
}

const char* map_reader::convert(const value& from, bytes& to) noexcept {
  if (from.type != kind::binary)
    return "is not a byte string";
  to = {from.text};
  return nullptr;
}

const char* map_reader::convert(const value& from, std::string& to) {
  std::string_view view;
  auto* problem = convert(from, view);
  to = view;
  return problem;
}

const char* map_reader::convert(const value& from, blob& to) {
  bytes view;
  auto* problem = convert(from, view);
  to = blob{view.view};
  return problem;
}

} // namespace dbs::wire
