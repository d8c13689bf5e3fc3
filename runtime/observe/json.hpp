// Fields as JSON, for HTTP answers.
#pragma once

#include "dbs/messages/field.hpp"

#include <nlohmann/json.hpp>

#include <vector>

namespace dbs::observe {

/// Nests dotted names: {"pool.idle", 3} becomes {"pool": {"idle": 3}}.
///
/// Nothing is lost and nothing throws: a name that cannot nest because a part of
/// it is a value already (or the other way round), that has an empty part, or that
/// has more than 16 parts stands at the top level under its full name. Of two
/// fields with the same name the last one wins. Text that is not valid UTF-8 is
/// repaired, so that dumping cannot fail; numbers that JSON lacks become null.
nlohmann::json to_json(const std::vector<field>& fields);

/// The value alone.
nlohmann::json to_json(const field::value_type& value);

} // namespace dbs::observe
