#include "dbs/messages/field.hpp"

#include <charconv>
#include <type_traits>

namespace dbs {

std::string to_string(const field::value_type& value) {
  return std::visit(
      [](const auto& x) -> std::string {
        using type = std::decay_t<decltype(x)>;
        if constexpr (std::is_same_v<type, bool>) {
          return x ? "true" : "false";
        } else if constexpr (std::is_same_v<type, std::string>) {
          return x;
        } else {
          char buf[32];
          auto end = std::to_chars(std::begin(buf), std::end(buf), x).ptr;
          return {std::begin(buf), end};
        }
      },
      value);
}

} // namespace dbs
