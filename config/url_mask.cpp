#include "dbs/config/url_mask.hpp"

namespace dbs {

std::string mask_url(std::string_view text) {
  for (std::string_view scheme :
       {"postgresql://", "postgres://", "postgresql+asyncpg://", "redis://", "rediss://"})
    if (text.starts_with(scheme))
      return std::string{scheme} + "***";
  return "***";
}

} // namespace dbs
