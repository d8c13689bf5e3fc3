// Streams of rows and COPY on a lease: one step at a time, and nothing else in between.
#include "dbs/runtime/postgres/pool_core.hpp"
#include "dbs/runtime/postgres/statement_class.hpp"
#include "dbs/runtime/postgres/transfer_rules.hpp"

#include <utility>

namespace dbs::postgres {

void pool_core::transfer(request_token token, pg_transfer what, time_point deadline) {
  auto r = obtain(request_kind::transfer, token, 0, deadline);
  auto problem = check_transfer(what);
  if (!problem && starts(what.action))
    problem = check_session_use(what.statement);
  r->action = what.action;
  r->statement = std::move(what.statement);
  r->chunks = what.chunks;
  r->data = std::move(what.data);
  submit_operation(what.lease, r, std::move(problem));
}

bool pool_core::admit(pool_slot& s, request_list& from, request_ref r) {
  auto steps = r->kind == request_kind::transfer;
  auto stops = steps && r->action == pg_transfer_action::stop;
  if (!s.transfer) {
    if (stops)
      answer(from, r, {});
    else if (steps && !starts(r->action))
      answer(from, r,
             fail(errc::invalid_argument,
                  to_string(r->action) + ": nothing is open on the lease that it would belong to",
                  {lease_field(s.lease->name)}));
    else
      return true;
    return false;
  }
  if (stops || r->returns) {
    quarantine(s);
    return false;
  }
  if (steps && fits(r->action, *s.transfer))
    return true;
  spoil(*s.lease, r->kind);
  answer(from, r,
         fail(errc::invalid_argument,
              to_string(*s.transfer) +
                  " is open on the lease: it must be brought to its end or stopped first",
              {lease_field(s.lease->name)}));
  return false;
}

void pool_core::run_transfer(pool_slot& s, const pool_request& r) {
  switch (r.action) {
  case pg_transfer_action::next:
    return s.conn->next_chunk();
  case pg_transfer_action::write:
    return s.conn->write_copy(r.data.view());
  case pg_transfer_action::finish:
    s.transfer_writes = true;
    return s.conn->finish_copy();
  default:
    break;
  }
  s.transfer = r.action;
  s.transfer_in = r.sent_in;
  s.transfer_writes = r.action != pg_transfer_action::copy_in && !only_reads(r.statement.sql);
  count(pool_event::statements);
  s.conn->start_transfer(r.action, r.statement, r.chunks);
}

void pool_core::on_chunk(pool_slot& s, pg_chunk chunk) {
  if (s.phase == slot_phase::closing || s.abandoned)
    return;
  s.busy = false;
  auto r = s.running.begin();
  auto now = timers_.now();
  listener_.record_query(now - r->started);
  last_success_ = now;
  see_tag(s, chunk.rows);
  if (chunk.last)
    s.transfer.reset();
  auto token = r->token;
  recycle(s.running, r);
  client_.on_chunk(token, std::move(chunk));
  next_operation(*s.lease);
}

} // namespace dbs::postgres
