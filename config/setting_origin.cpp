#include "dbs/config/setting_origin.hpp"

namespace dbs {

std::string to_string(const setting_origin& origin) {
  switch (origin.source) {
  case setting_source::builtin:
    return "default";
  case setting_source::development:
    return "development mode";
  case setting_source::mode:
    return "mode " + origin.name;
  case setting_source::url:
    return "argument of " + origin.name;
  case setting_source::file:
    return "file " + origin.name + " line " + std::to_string(origin.line);
  case setting_source::environment:
    return "environment variable " + origin.name;
  case setting_source::flag:
    return "flag " + origin.name;
  case setting_source::program:
    return "the program";
  }
  return "unknown";
}

} // namespace dbs
