// The numbers of PostgreSQL's built-in types, as columns have them (pg_type.dat). For
// codecs of your own that read the binary format.
#pragma once

#include <cstdint>

namespace dbs::pg_oid {

inline constexpr uint32_t boolean = 16;
inline constexpr uint32_t bytea = 17;
/// "char" in quotes: a single byte.
inline constexpr uint32_t single_char = 18;
inline constexpr uint32_t name = 19;
inline constexpr uint32_t bigint = 20;
inline constexpr uint32_t smallint = 21;
inline constexpr uint32_t integer = 23;
inline constexpr uint32_t text = 25;
inline constexpr uint32_t oid = 26;
inline constexpr uint32_t json = 114;
inline constexpr uint32_t json_array = 199;
inline constexpr uint32_t real = 700;
inline constexpr uint32_t double_precision = 701;
inline constexpr uint32_t boolean_array = 1000;
inline constexpr uint32_t bytea_array = 1001;
inline constexpr uint32_t single_char_array = 1002;
inline constexpr uint32_t name_array = 1003;
inline constexpr uint32_t smallint_array = 1005;
inline constexpr uint32_t integer_array = 1007;
inline constexpr uint32_t text_array = 1009;
inline constexpr uint32_t character_array = 1014;
inline constexpr uint32_t varchar_array = 1015;
inline constexpr uint32_t bigint_array = 1016;
inline constexpr uint32_t real_array = 1021;
inline constexpr uint32_t double_precision_array = 1022;
inline constexpr uint32_t oid_array = 1028;
inline constexpr uint32_t character = 1042;
inline constexpr uint32_t varchar = 1043;
inline constexpr uint32_t date = 1082;
inline constexpr uint32_t time = 1083;
inline constexpr uint32_t timestamp = 1114;
inline constexpr uint32_t timestamp_array = 1115;
inline constexpr uint32_t timestamptz = 1184;
inline constexpr uint32_t timestamptz_array = 1185;
inline constexpr uint32_t interval = 1186;
inline constexpr uint32_t interval_array = 1187;
inline constexpr uint32_t numeric_array = 1231;
inline constexpr uint32_t numeric = 1700;
inline constexpr uint32_t uuid = 2950;
inline constexpr uint32_t uuid_array = 2951;
inline constexpr uint32_t jsonb = 3802;
inline constexpr uint32_t jsonb_array = 3807;

/// From here on types are made by users and extensions: each database numbers its own.
inline constexpr uint32_t first_of_users = 16384;

} // namespace dbs::pg_oid
