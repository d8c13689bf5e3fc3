#include "dbs/messages/error_detail.hpp"

#include <caf/make_message.hpp>

namespace dbs {

caf::error fail(errc code, error_detail detail) {
  return {code, caf::make_message(std::move(detail))};
}

caf::error fail(errc code, std::string what, std::vector<field> fields) {
  return fail(code, error_detail{std::move(what), std::nullopt, {}, std::move(fields)});
}

error_detail detail(const caf::error& err) {
  if (err && err.context().match_elements<error_detail>())
    return err.context().get_as<error_detail>(0);
  return {err ? to_string(err) : std::string{}, std::nullopt, {}, {}};
}

std::string describe(const caf::error& err) {
  if (!err)
    return "none";
  auto info = detail(err);
  if (err.category() != caf::type_id_v<errc>)
    return info.what;
  auto result = to_string(static_cast<errc>(err.code()));
  if (!info.what.empty())
    result += ": " + info.what;
  if (!info.sqlstate.empty())
    result += " [" + info.sqlstate + "]";
  return result;
}

} // namespace dbs
