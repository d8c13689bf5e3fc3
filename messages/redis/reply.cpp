#include "dbs/messages/redis/reply.hpp"

#include "dbs/messages/enum_names.hpp"
#include "dbs/messages/error_detail.hpp"
#include "dbs/messages/redis/reply_nodes.hpp"

#include <algorithm>
#include <bit>
#include <charconv>

namespace dbs {

namespace {

using internal::extent_of;
using internal::load_u64;
using internal::reply_node;

constexpr size_t type_count = static_cast<size_t>(redis_type::push) + 1;

constexpr enum_names<redis_type, type_count> type_names{{"nil", "boolean", "integer", "real",
                                                         "status", "string", "big_number", "error",
                                                         "array", "map", "set", "push"}};

/// What is behind the first node and its elements.
std::string_view skip(std::string_view nodes) noexcept {
  for (uint64_t left = 1; left > 0; --left) {
    auto node = extent_of(nodes);
    nodes.remove_prefix(node.size);
    left += node.elements;
  }
  return nodes;
}

template <class T>
std::optional<T> number(std::string_view text) {
  T result{};
  auto* end = text.data() + text.size();
  auto [at, problem] = std::from_chars(text.data(), end, result);
  if (problem != std::errc{} || at != end)
    return std::nullopt;
  return result;
}

} // namespace

std::string to_string(redis_type x) {
  return type_names.name(x);
}

internal::reply_node_extent internal::extent_of(std::string_view nodes) noexcept {
  auto has = [&](size_t bytes) { return nodes.size() >= bytes; };
  auto text = [&](size_t head) -> reply_node_extent {
    if (!has(head))
      return {};
    auto size = load_u32(nodes.data() + head - 4);
    if (nodes.size() - head < size)
      return {};
    return {head + size, 0, nodes.substr(head, size)};
  };
  if (nodes.empty() || static_cast<unsigned char>(nodes.front()) >= type_count)
    return {};
  switch (static_cast<redis_type>(nodes.front())) {
  case redis_type::nil:
    return {1, 0, {}};
  case redis_type::boolean:
    return {has(2) ? size_t{2} : size_t{0}, 0, {}};
  case redis_type::integer:
  case redis_type::real:
    return {has(9) ? size_t{9} : size_t{0}, 0, {}};
  case redis_type::status:
  case redis_type::string:
  case redis_type::big_number:
    return text(5);
  case redis_type::error:
    return text(6);
  default:
    return has(5) ? reply_node_extent{5, load_u32(nodes.data() + 1), {}} : reply_node_extent{};
  }
}

// -- values --------------------------------------------------------------------------

std::string_view redis_value::text() const noexcept {
  return extent_of(nodes_).text;
}

caf::error redis_value::error() const {
  if (type() != redis_type::error)
    return {};
  auto line = text();
  auto code = static_cast<errc>(nodes_[1]);
  // The first word is Redis' own code, where the error is Redis' own.
  std::vector<field> fields;
  if (auto word = line.substr(0, line.find(' '));
      !word.empty() && std::all_of(word.begin(), word.end(), [](char c) {
        return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
      }))
    fields.push_back({"redis_error", std::string{word}});
  return fail(code, std::string{line}, std::move(fields));
}

size_t redis_value::size() const noexcept {
  return extent_of(nodes_).elements;
}

redis_value::iterator redis_value::begin() const noexcept {
  auto node = extent_of(nodes_);
  return {nodes_.substr(node.size), node.elements};
}

redis_value::iterator redis_value::end() const noexcept {
  return {{}, 0};
}

redis_value::iterator& redis_value::iterator::operator++() noexcept {
  rest_ = skip(rest_);
  --left_;
  return *this;
}

redis_value redis_value::at(size_t index) const noexcept {
  auto i = begin();
  for (; i != end() && index > 0; --index)
    ++i;
  return i != end() ? *i : redis_value{};
}

redis_value redis_value::find(std::string_view key) const noexcept {
  if (type() != redis_type::map && type() != redis_type::array)
    return {};
  for (auto i = begin(); i != end(); ++i) {
    auto found = (*i).text() == key;
    if (++i == end())
      break;
    if (found)
      return *i;
  }
  return {};
}

caf::error redis_value::mismatch(std::string_view wanted) const {
  if (auto failure = error())
    return failure;
  return fail(errc::invalid_argument, "a reply of Redis is read as " + std::string{wanted} +
                                          ", but it is " + to_string(type()));
}

caf::expected<std::string_view> redis_value::as_text() const {
  switch (type()) {
  case redis_type::status:
  case redis_type::string:
  case redis_type::big_number:
    return text();
  default:
    return mismatch("a text");
  }
}

caf::expected<int64_t> redis_value::as_integer() const {
  if (type() == redis_type::integer)
    return static_cast<int64_t>(load_u64(nodes_.data() + 1));
  if (type() == redis_type::string || type() == redis_type::big_number)
    if (auto result = number<int64_t>(text()))
      return *result;
  return mismatch("an integer");
}

caf::expected<double> redis_value::as_real() const {
  if (type() == redis_type::real)
    return std::bit_cast<double>(load_u64(nodes_.data() + 1));
  if (type() == redis_type::integer)
    return static_cast<double>(static_cast<int64_t>(load_u64(nodes_.data() + 1)));
  if (type() == redis_type::string)
    if (auto result = number<double>(text()))
      return *result;
  return mismatch("a real number");
}

caf::expected<bool> redis_value::as_boolean() const {
  if (type() == redis_type::boolean)
    return nodes_[1] != 0;
  if (type() == redis_type::integer)
    if (auto x = load_u64(nodes_.data() + 1); x <= 1)
      return x == 1;
  return mismatch("a boolean");
}

// -- replies -------------------------------------------------------------------------

redis_reply redis_reply::failure(errc code, std::string_view text) {
  auto node = reply_node::error(code, text);
  return from_nodes(blob::build(node.size(), [&](char* to) { node.write(to); }));
}

caf::expected<redis_reply> redis_reply::from_bytes(blob bytes) {
  auto malformed = [] {
    return fail(errc::protocol_error, "a reply of Redis from outside the process is malformed");
  };
  auto rest = bytes.view();
  for (uint64_t left = rest.empty() ? 0 : 1; left > 0; --left) {
    auto node = extent_of(rest);
    // More nodes than bytes cannot be; and so the sum stays small.
    if (node.size == 0 || node.elements > rest.size())
      return malformed();
    auto type = static_cast<redis_type>(rest.front());
    errc code;
    if ((type == redis_type::error &&
         (!from_integer(static_cast<uint8_t>(rest[1]), code) || code == errc::none)) ||
        (type == redis_type::map && node.elements % 2 != 0))
      return malformed();
    rest.remove_prefix(node.size);
    left += node.elements;
  }
  if (!rest.empty())
    return malformed();
  return from_nodes(std::move(bytes));
}

} // namespace dbs
