// The type-id block of DatabaseServices: every type that may travel in a CAF
// message, in one append-only list.
//
// The block starts 1000 behind CAF's first custom id, so that a host program can
// use the ids 200-1199 for its own types. The position of an entry is its id on
// the wire: never reorder, never remove, append at the end only.
#pragma once

#include <caf/type_id.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace dbs {

enum class errc : uint8_t;
enum class caller_class : uint8_t;
enum class health_status : uint8_t;
enum class child_state : uint8_t;
enum class pg_isolation : uint8_t;
enum class cache_source : uint8_t;
enum class cache_reach : uint8_t;
enum class cache_scope : uint8_t;

class blob;
class pg_params;
class pg_result;
class redis_command;
class redis_reply;

struct cache_erase;
struct cache_get;
struct cache_get_many;
struct cache_get_with;
struct cache_invalidate;
struct cache_level_stats;
struct cache_loaded;
struct cache_put;
struct cache_put_many;
struct cache_sizes;
struct cache_stats;
struct cache_tuning;
struct cache_value;
struct call_context;
struct child_info;
struct error_detail;
struct field;
struct health_report;
struct pg_batch;
struct pg_checkout;
struct pg_chunk;
struct pg_event;
struct pg_holder;
struct pg_lease;
struct pg_lease_statement;
struct pg_savepoint;
struct pg_statement;
struct pg_transaction;
struct pg_transfer;
struct redis_batch;
struct resize_request;
struct services_health;
struct stats_report;
struct pool_stats;
struct latency_summary;

enum class pg_event_kind : uint8_t;
enum class pg_savepoint_action : uint8_t;
enum class pg_transfer_action : uint8_t;

} // namespace dbs

CAF_BEGIN_TYPE_ID_BLOCK(dbs, caf::first_custom_type_id + 1000)

// -- shared by all services --------------------------------------------------
CAF_ADD_TYPE_ID(dbs, (dbs::errc))
CAF_ADD_TYPE_ID(dbs, (dbs::error_detail))
CAF_ADD_TYPE_ID(dbs, (dbs::field))
CAF_ADD_TYPE_ID(dbs, (std::vector<dbs::field>))
CAF_ADD_TYPE_ID(dbs, (dbs::call_context))
CAF_ADD_TYPE_ID(dbs, (dbs::caller_class))
CAF_ADD_TYPE_ID(dbs, (dbs::blob))

// -- managers and their supervisor -------------------------------------------
CAF_ADD_TYPE_ID(dbs, (dbs::health_status))
CAF_ADD_TYPE_ID(dbs, (dbs::health_report))
CAF_ADD_TYPE_ID(dbs, (std::vector<dbs::health_report>))
CAF_ADD_TYPE_ID(dbs, (dbs::stats_report))
CAF_ADD_TYPE_ID(dbs, (dbs::resize_request))
CAF_ADD_TYPE_ID(dbs, (dbs::child_state))
CAF_ADD_TYPE_ID(dbs, (dbs::child_info))
CAF_ADD_TYPE_ID(dbs, (std::vector<dbs::child_info>))
CAF_ADD_ATOM(dbs, dbs, start_atom)
CAF_ADD_ATOM(dbs, dbs, ready_atom)
CAF_ADD_ATOM(dbs, dbs, drain_atom)
CAF_ADD_ATOM(dbs, dbs, health_atom)
CAF_ADD_ATOM(dbs, dbs, stats_atom)
CAF_ADD_ATOM(dbs, dbs, resize_atom)
CAF_ADD_ATOM(dbs, dbs, tree_atom)
CAF_ADD_ATOM(dbs, dbs, shutdown_atom)

// -- the PostgreSQL pool -----------------------------------------------------
CAF_ADD_TYPE_ID(dbs, (dbs::pg_params))
CAF_ADD_TYPE_ID(dbs, (dbs::pg_result))
CAF_ADD_TYPE_ID(dbs, (dbs::pg_statement))
CAF_ADD_TYPE_ID(dbs, (dbs::pg_checkout))
CAF_ADD_TYPE_ID(dbs, (dbs::pg_lease))
CAF_ADD_TYPE_ID(dbs, (dbs::pg_lease_statement))
CAF_ADD_TYPE_ID(dbs, (dbs::pg_transaction))
CAF_ADD_TYPE_ID(dbs, (dbs::pg_isolation))
CAF_ADD_TYPE_ID(dbs, (dbs::pg_savepoint))
CAF_ADD_TYPE_ID(dbs, (dbs::pg_savepoint_action))
CAF_ADD_TYPE_ID(dbs, (dbs::pg_holder))
CAF_ADD_TYPE_ID(dbs, (std::vector<dbs::pg_holder>))
CAF_ADD_TYPE_ID(dbs, (dbs::pool_stats))
CAF_ADD_TYPE_ID(dbs, (dbs::latency_summary))
CAF_ADD_ATOM(dbs, dbs, execute_atom)
CAF_ADD_ATOM(dbs, dbs, checkout_atom)
CAF_ADD_ATOM(dbs, dbs, release_atom)
CAF_ADD_ATOM(dbs, dbs, begin_atom)
CAF_ADD_ATOM(dbs, dbs, commit_atom)
CAF_ADD_ATOM(dbs, dbs, rollback_atom)
CAF_ADD_ATOM(dbs, dbs, savepoint_atom)
CAF_ADD_ATOM(dbs, dbs, holders_atom)

// -- the health manager ------------------------------------------------------
CAF_ADD_TYPE_ID(dbs, (dbs::services_health))
CAF_ADD_ATOM(dbs, dbs, report_atom)

// -- Redis -------------------------------------------------------------------
CAF_ADD_ATOM(dbs, dbs, ping_atom)
CAF_ADD_ATOM(dbs, dbs, refresh_atom)
CAF_ADD_ATOM(dbs, dbs, restart_atom)

// -- the PostgreSQL pool: batches ----------------------------------------------
CAF_ADD_TYPE_ID(dbs, (dbs::pg_batch))
CAF_ADD_TYPE_ID(dbs, (std::vector<dbs::pg_result>))

// -- the PostgreSQL pool: streams and COPY ---------------------------------------
CAF_ADD_TYPE_ID(dbs, (dbs::pg_transfer))
CAF_ADD_TYPE_ID(dbs, (dbs::pg_transfer_action))
CAF_ADD_TYPE_ID(dbs, (dbs::pg_chunk))
CAF_ADD_ATOM(dbs, dbs, transfer_atom)

// -- the PostgreSQL listener -----------------------------------------------------
CAF_ADD_TYPE_ID(dbs, (dbs::pg_event))
CAF_ADD_TYPE_ID(dbs, (dbs::pg_event_kind))
CAF_ADD_ATOM(dbs, dbs, listen_atom)
CAF_ADD_ATOM(dbs, dbs, unlisten_atom)

// -- Redis: commands -------------------------------------------------------------
CAF_ADD_TYPE_ID(dbs, (dbs::redis_command))
CAF_ADD_TYPE_ID(dbs, (dbs::redis_batch))
CAF_ADD_TYPE_ID(dbs, (dbs::redis_reply))
CAF_ADD_TYPE_ID(dbs, (std::vector<dbs::redis_reply>))
CAF_ADD_ATOM(dbs, dbs, command_atom)

// -- the cache -------------------------------------------------------------------
CAF_ADD_TYPE_ID(dbs, (dbs::cache_source))
CAF_ADD_TYPE_ID(dbs, (dbs::cache_reach))
CAF_ADD_TYPE_ID(dbs, (dbs::cache_scope))
CAF_ADD_TYPE_ID(dbs, (dbs::cache_value))
CAF_ADD_TYPE_ID(dbs, (std::vector<dbs::cache_value>))
CAF_ADD_TYPE_ID(dbs, (dbs::cache_get))
CAF_ADD_TYPE_ID(dbs, (dbs::cache_get_many))
CAF_ADD_TYPE_ID(dbs, (dbs::cache_put))
CAF_ADD_TYPE_ID(dbs, (dbs::cache_put_many))
CAF_ADD_TYPE_ID(dbs, (dbs::cache_erase))
CAF_ADD_TYPE_ID(dbs, (dbs::cache_invalidate))
CAF_ADD_TYPE_ID(dbs, (dbs::cache_level_stats))
CAF_ADD_TYPE_ID(dbs, (dbs::cache_stats))
CAF_ADD_TYPE_ID(dbs, (dbs::cache_tuning))
CAF_ADD_TYPE_ID(dbs, (dbs::cache_sizes))
CAF_ADD_TYPE_ID(dbs, (dbs::cache_loaded))
CAF_ADD_ATOM(dbs, dbs, get_atom)
CAF_ADD_ATOM(dbs, dbs, put_atom)
CAF_ADD_ATOM(dbs, dbs, erase_atom)
CAF_ADD_ATOM(dbs, dbs, invalidate_atom)
CAF_ADD_ATOM(dbs, dbs, tune_atom)
CAF_ADD_ATOM(dbs, dbs, load_atom)
CAF_ADD_TYPE_ID(dbs, (dbs::cache_get_with))

CAF_END_TYPE_ID_BLOCK(dbs)
