#include "dbs/messages/postgres/copy_text.hpp"

#include "dbs/messages/error_detail.hpp"

#include <cstddef>

namespace dbs {

namespace {

void append_escaped(std::string& out, const char* text) {
  for (; *text != '\0'; ++text) {
    switch (*text) {
    case '\\':
      out += "\\\\";
      break;
    case '\t':
      out += "\\t";
      break;
    case '\n':
      out += "\\n";
      break;
    case '\r':
      out += "\\r";
      break;
    default:
      out += *text;
    }
  }
}

} // namespace

caf::error append_copy_row(std::string& rows, const pg_params& values) {
  if (!values.error().empty())
    return fail(errc::invalid_argument, "a row cannot be written: " + values.error());
  for (size_t i = 0; i < values.size(); ++i) {
    if (i > 0)
      rows += '\t';
    if (auto* text = values.c_str(i); text != nullptr)
      append_escaped(rows, text);
    else
      rows += "\\N";
  }
  rows += '\n';
  return {};
}

} // namespace dbs
