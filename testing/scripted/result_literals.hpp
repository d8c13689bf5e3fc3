// Results without a server: what a scripted pool answers, and what a test compares
// with.
//
//     query_result({"id", "name"}, {make_params(1, "lamp"), make_params(2, std::nullopt)})
//     command_result("UPDATE 1")
#pragma once

#include "dbs/messages/postgres/params.hpp"
#include "dbs/messages/postgres/result.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace dbs::testing {

/// The result of a query. Rows are written as parameters are, since values travel in
/// the same text format both ways; the type of every column is text, which does not
/// keep anybody from reading them as something else. Throws `std::logic_error`,
/// naming the row, if a row has not as many values as there are columns.
pg_result query_result(const std::vector<std::string>& columns, const std::vector<pg_params>& rows);

/// The result of a statement that returns no rows. The number at the end of the tag,
/// such as "INSERT 0 1", is that of the affected rows.
pg_result command_result(std::string_view tag);

} // namespace dbs::testing
