// Through CAF's binary format and back.
#pragma once

#include <caf/binary_deserializer.hpp>
#include <caf/binary_serializer.hpp>
#include <caf/byte_buffer.hpp>
#include <caf/error.hpp>
#include <caf/expected.hpp>

#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>

namespace dbs::test {

template <class T>
std::string serialize(const T& x, caf::execution_unit* context = nullptr) {
  caf::byte_buffer buf;
  caf::binary_serializer sink{context, buf};
  if (!sink.apply(x))
    throw std::runtime_error{"cannot serialize: " + to_string(sink.get_error())};
  return {reinterpret_cast<const char*>(buf.data()), buf.size()};
}

/// Fails unless all bytes are used.
template <class T>
caf::expected<T> deserialize(std::string_view bytes, caf::execution_unit* context = nullptr) {
  caf::binary_deserializer source{context, bytes.data(), bytes.size()};
  T result;
  if (!source.apply(result))
    return source.get_error();
  if (source.remaining() != 0)
    throw std::runtime_error{"bytes are left over"};
  return result;
}

/// Compares an expected value without the ambiguities of CAF's operators.
template <class T>
bool holds(const caf::expected<T>& x, const std::type_identity_t<T>& value) {
  return x && *x == value;
}

inline std::string hex(std::string_view bytes) {
  constexpr char digits[] = "0123456789abcdef";
  std::string result;
  for (auto c : bytes) {
    auto byte = static_cast<unsigned char>(c);
    result += digits[byte >> 4];
    result += digits[byte & 15];
  }
  return result;
}

} // namespace dbs::test
