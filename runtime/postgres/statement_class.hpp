// Tells whether a statement may leave something in its session that the next user
// of the connection would see.
//
// The pool resets a session only after such statements. The test is lexical and
// errs on the side of a reset that was not needed; what a function does inside is
// invisible to it, which is what the setting strict_reset is for. The same lexer
// tells reads from writes, for those whose end nobody saw.
#pragma once

#include <string_view>

namespace dbs::postgres {

/// True for SET, RESET, LISTEN, DECLARE, PREPARE, LOAD, DO, CALL and the like, for
/// every unknown command, and for texts that mention temporary tables, session
/// advisory locks or set_config. SET LOCAL and what else ends with the transaction
/// does not count.
bool touches_session(std::string_view sql) noexcept;

/// Whether a session that is lent for a transaction at a time is not enough: as
/// `touches_session`, but for what belongs to the transaction (PREPARE TRANSACTION,
/// cursors without HOLD) and for DO and CALL, which may be as harmless as the functions
/// that a SELECT calls.
bool needs_own_session(std::string_view sql) noexcept;

/// The same question as `touches_session` for the command tag of an answer, such as "INSERT 0 1": a
/// second opinion that does not depend on how the text was read. "SET" counts as
/// harmless here, because SET LOCAL has the same tag.
bool tag_touches_session(std::string_view tag) noexcept;

/// Whether a statement may run on a connection behind those of other callers: SELECT,
/// VALUES, TABLE, WITH, INSERT, UPDATE, DELETE and MERGE without a word of what
/// `touches_session` looks for, nor of advisory locks of any kind. Functions that are
/// called count as harmless.
bool may_share(std::string_view sql) noexcept;

/// False for whatever may change the database: everything but SELECT, VALUES, TABLE,
/// WITH, SHOW, FETCH, EXPLAIN and COPY TO STDOUT, and those as well if they mention a
/// command that writes. A function that is called counts as one that only reads.
bool only_reads(std::string_view sql) noexcept;

/// True for COPY with the word STDIN, or STDOUT. What names mean is the server's affair:
/// it says which way the data goes.
bool copies_in(std::string_view sql) noexcept;
bool copies_out(std::string_view sql) noexcept;

/// True for COMMIT, END, COMMIT PREPARED and PREPARE TRANSACTION.
bool commits(std::string_view sql) noexcept;

/// True for whatever begins or ends a transaction or a part of one: BEGIN, COMMIT,
/// ROLLBACK, SAVEPOINT and their like.
bool controls_transaction(std::string_view sql) noexcept;

/// True for DO and CALL: outside a transaction, what they run may commit.
bool runs_procedure(std::string_view sql) noexcept;

/// True for ROLLBACK and ABORT, also to a savepoint.
bool rolls_back(std::string_view sql) noexcept;

/// True if the tag says that the server has dropped prepared statements itself.
bool tag_drops_statements(std::string_view tag) noexcept;

} // namespace dbs::postgres
