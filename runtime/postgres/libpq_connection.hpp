// The real connection to a PostgreSQL server: libpq on an event loop.
//
// Statements run through the extended protocol, so a text with several statements
// is refused by the server (42601); COPY is refused by us unless it is a transfer.
// Results come in text, or in binary for a statement that asks for it. The rows of a
// stream come in libpq's single-row mode and are gathered into chunks.
//
// During a COPY from here libpq 15 does not look at errors: what the server refuses in
// the middle, it says when the COPY is finished.
//
// Limits of libpq 15: a cancel request travels unencrypted even when the session
// is encrypted (it holds the process id and a secret key that is good for nothing
// but cancelling); the arithmetic of a SCRAM login (some milliseconds) runs on the
// loop; a result set is held in memory as a whole, so bound it by LIMIT, or stream it.
// libpq's own defaults hold for what the settings leave open, including PGSSLMODE
// and its like in the environment and ~/.pgpass.
#pragma once

#include "dbs/config/settings.hpp"
#include "dbs/runtime/postgres/connection.hpp"
#include "dbs/runtime/postgres/connection_environment.hpp"

namespace dbs::postgres {

/// Makes a connection that `connect()` opens. All of `connection` is for the
/// loop's thread. Destroying it at any time, also from inside a call to the
/// observer, is safe and ends all calls. `env` and `observer` must outlive it.
///
/// A connect error is `config_invalid` for parameters that libpq does not know, else
/// `connection_lost` with the fields host, port, attempt.1, attempt.2, ... and the
/// SQLSTATE if a server answered.
connection_ptr make_libpq_connection(connection_environment& env, const database_settings& settings,
                                     connection_observer& observer);

/// Looks up, once in a process, what libpq takes from it: the name of its user above all,
/// which a directory server may be asked for. Blocks. Whoever makes connections calls it
/// before, lest the first one blocks the loop for that. Any thread.
void look_up_process_defaults();

} // namespace dbs::postgres
