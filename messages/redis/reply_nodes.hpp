// Writes and takes apart the nodes of a reply; see the layout in reply.hpp.
#pragma once

#include "dbs/messages/little_endian.hpp"
#include "dbs/messages/redis/reply.hpp"

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace dbs::internal {

/// A node without its elements, as it is written. What it points to must live until then.
class reply_node {
public:
  static reply_node nil() noexcept { return reply_node{redis_type::nil, 1}; }

  static reply_node boolean(bool x) noexcept {
    reply_node result{redis_type::boolean, 2};
    result.head_[1] = x ? 1 : 0;
    return result;
  }

  static reply_node integer(int64_t x) noexcept {
    reply_node result{redis_type::integer, 9};
    store_u64(result.head_ + 1, static_cast<uint64_t>(x));
    return result;
  }

  static reply_node real(double x) noexcept {
    reply_node result{redis_type::real, 9};
    store_u64(result.head_ + 1, std::bit_cast<uint64_t>(x));
    return result;
  }

  /// A status, string or big number.
  static reply_node text(redis_type type, std::string_view bytes) noexcept {
    reply_node result{type, 5};
    store_u32(result.head_ + 1, static_cast<uint32_t>(bytes.size()));
    result.bytes_ = bytes;
    return result;
  }

  static reply_node error(errc code, std::string_view bytes) noexcept {
    reply_node result{redis_type::error, 6};
    result.head_[1] = static_cast<char>(code);
    store_u32(result.head_ + 2, static_cast<uint32_t>(bytes.size()));
    result.bytes_ = bytes;
    return result;
  }

  /// An array, map, set or push, whose elements are to follow.
  static reply_node aggregate(redis_type type, uint32_t elements) noexcept {
    reply_node result{type, 5};
    store_u32(result.head_ + 1, elements);
    return result;
  }

  size_t size() const noexcept { return head_size_ + bytes_.size(); }

  /// Writes `size()` bytes.
  void write(char* to) const noexcept {
    std::memcpy(to, head_, head_size_);
    if (!bytes_.empty())
      std::memcpy(to + head_size_, bytes_.data(), bytes_.size());
  }

private:
  reply_node(redis_type type, size_t head_size) noexcept : head_size_(head_size) {
    head_[0] = static_cast<char>(type);
  }

  char head_[9] = {};
  size_t head_size_;
  std::string_view bytes_;
};

/// Where a node that is there already has what.
struct reply_node_extent {
  /// Of the node without its elements; 0 if there is no node.
  size_t size = 0;
  /// How many nodes follow as its elements.
  uint32_t elements = 0;
  std::string_view text;
};

/// Takes apart the node that `nodes` begins with. Never reads behind their end.
reply_node_extent extent_of(std::string_view nodes) noexcept;

} // namespace dbs::internal
