#include "dbs/config/url_mask.hpp"

#include "dbs/config/secret_name.hpp"

namespace dbs {

std::string mask_url(std::string_view text) {
  for (std::string_view scheme :
       {"postgresql://", "postgres://", "postgresql+asyncpg://", "redis://", "rediss://"})
    if (text.starts_with(scheme))
      return std::string{scheme} + "***";
  return "***";
}

bool may_hold_password(std::string_view text) {
  if (text.find("://") != std::string_view::npos || text.find('@') != std::string_view::npos)
    return true;
  constexpr std::string_view separators = " \t\r\n'\"&?;,";
  for (auto equals = text.find('='); equals != std::string_view::npos;
       equals = text.find('=', equals + 1)) {
    auto name = text.substr(0, equals);
    name = name.substr(0, name.find_last_not_of(separators) + 1);
    name.remove_prefix(name.find_last_of(separators) + 1);
    if (is_secret_name(name))
      return true;
  }
  return false;
}

std::string mask_text(std::string_view text) {
  return may_hold_password(text) ? mask_url(text) : std::string{text};
}

} // namespace dbs
