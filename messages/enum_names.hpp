// Names of enumerators for to_string / from_string / from_integer, written once.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace dbs {

/// Names of the enumerators 0..N-1 of `Enum`, in order.
template <class Enum, std::size_t N>
struct enum_names {
  std::array<std::string_view, N> names;

  std::string name(Enum x) const {
    auto i = static_cast<std::size_t>(x);
    return i < N ? std::string{names[i]} : "invalid(" + std::to_string(i) + ")";
  }

  bool parse(std::string_view in, Enum& out) const {
    auto i = std::find(names.begin(), names.end(), in);
    if (i == names.end())
      return false;
    out = static_cast<Enum>(i - names.begin());
    return true;
  }

  bool from(std::uint8_t in, Enum& out) const {
    if (in >= N)
      return false;
    out = static_cast<Enum>(in);
    return true;
  }
};

} // namespace dbs
