#include "dbs/testing/scripted/scripted_pool.hpp"

#include "dbs/runtime/caf/owner_watch.hpp"
#include "dbs/testing/scripted/scripted_peer.hpp"

#include <algorithm>
#include <cctype>
#include <map>
#include <optional>
#include <utility>

namespace dbs::testing {

namespace {

// -- calls as text -------------------------------------------------------------------

std::string without_layout(const std::string& sql) {
  std::string result;
  for (auto c : sql) {
    if (std::isspace(static_cast<unsigned char>(c)) == 0)
      result += c;
    else if (!result.empty() && result.back() != ' ')
      result += ' ';
  }
  if (!result.empty() && result.back() == ' ')
    result.pop_back();
  return result;
}

std::string call_of(const pg_statement& what, const std::string& verb = "execute") {
  auto result = verb + " " + without_layout(what.sql);
  for (size_t i = 0; i < what.params.size(); ++i) {
    result += (i == 0 ? " with $" : ", $") + std::to_string(i + 1) + " = ";
    result += what.params.is_null(i) ? "null" : "'" + std::string{what.params.c_str(i)} + "'";
  }
  return what.params.error().empty() ? result : result + " (" + what.params.error() + ")";
}

std::string call_of(const pg_transaction& what) {
  std::string result = "begin";
  if (what.isolation != pg_isolation::server_default)
    result += " " + to_string(what.isolation);
  if (what.read_only)
    result += " read only";
  if (what.deferrable)
    result += " deferrable";
  return result;
}

std::string call_of(const pg_savepoint& what) {
  switch (what.action) {
  case pg_savepoint_action::rollback_to:
    return "rollback to " + what.name;
  case pg_savepoint_action::release:
    return "release savepoint " + what.name;
  case pg_savepoint_action::set:
    break;
  }
  return "savepoint " + what.name;
}

std::string call_of(const pg_transfer& what) {
  auto verb = to_string(what.action);
  if (!what.statement.sql.empty())
    return call_of(what.statement, verb);
  return what.data.empty() ? verb : verb + " " + std::string{what.data.view()};
}

// -- the actor -----------------------------------------------------------------------

/// A stream or COPY in the middle.
struct open_transfer {
  scripted_answer answer;
  pg_chunk_size chunks;
  size_t rows_given = 0;

  /// The next rows; `last` if they are all that is left.
  pg_chunk take_rows() {
    auto all = answer.what<pg_result>();
    auto first = std::exchange(rows_given, std::min(all.rows(), rows_given + chunks.rows));
    auto last = rows_given == all.rows();
    auto cell = [&](size_t row, size_t column) -> std::optional<std::string_view> {
      auto from = all.row(first + row);
      return from.is_null(column) ? std::nullopt : std::optional{from.text(column)};
    };
    auto rows = pg_result::build(
        all.columns(), rows_given - first, [&all](size_t i) { return all.column(i); }, cell,
        last ? all.command_tag() : std::string_view{}, last ? all.affected_rows() : 0);
    return {std::move(*rows), {}, last};
  }
};

struct lease_state {
  uint64_t owner = 0;
  std::optional<open_transfer> transfer;
  /// When the answer to its last request is given.
  call_context::time_point busy_until;
};

class scripted_pool_state {
public:
  using actor_type = postgres_pool_actor;
  static inline const char* name = "dbs.testing.scripted_pool";

  scripted_pool_state(loop_actor<actor_type>* self, std::shared_ptr<call_script> script)
      : self_(self), peer_(self, std::move(script)),
        owners_(self, [this](uint64_t owner) { owner_died(owner); }) {}

  actor_type::behavior_type make_behavior() {
    return {
        [this](execute_atom, const call_context& context, const pg_statement& what) {
          return execute(context, what);
        },
        [this](execute_atom, const call_context& context, const pg_lease_statement& what) {
          return on_lease<pg_result>(context, what.lease, call_of(what.statement));
        },
        [this](execute_atom, const call_context& context, const pg_batch& what) {
          return execute(context, what);
        },
        [this](checkout_atom, const call_context& context, const pg_checkout&) {
          return checkout(context);
        },
        [this](release_atom, const call_context&, pg_lease lease) { release(lease); },
        [this](begin_atom, const call_context& context, const pg_transaction& what) {
          return on_lease<void>(context, what.lease, call_of(what));
        },
        [this](commit_atom, const call_context& context, pg_lease lease) {
          return on_lease<void>(context, lease, "commit");
        },
        [this](rollback_atom, const call_context& context, pg_lease lease) {
          return on_lease<void>(context, lease, "rollback");
        },
        [this](savepoint_atom, const call_context& context, const pg_savepoint& what) {
          return on_lease<void>(context, what.lease, call_of(what));
        },
        [this](transfer_atom, const call_context& context, const pg_transfer& what) {
          return transfer(context, what);
        },
        [this](report_atom, const call_context&) { return stats(); },
        [this](holders_atom, const call_context&) { return holders(); },
    };
  }

private:
  using peer = scripted_peer<loop_actor<actor_type>>;

  caf::result<pg_result> execute(const call_context& context, const pg_statement& what) {
    auto call = call_of(what);
    peer_.script().note(call);
    return peer_.give<pg_result>(
        peer_.judge(context, peer_.script().take(call), call, self_->now()));
  }

  caf::result<std::vector<pg_result>> execute(const call_context& context, const pg_batch& what) {
    auto found = leases_.find(what.lease.id);
    if (found == leases_.end())
      return nobody_holds("a batch", what.lease);
    auto& busy_until = found->second.busy_until;
    std::vector<pg_result> results;
    peer::verdict last{std::max(self_->now(), busy_until), {}, {}};
    for (size_t i = 0; i < what.statements.size() && !last.why; ++i) {
      auto call = call_of(what.statements[i]);
      note(what.lease.id, call);
      last = peer_.judge(context, peer_.script().take(call), call, last.at);
      if (last.why)
        last.why = of_statement(last.why, i);
      results.push_back(last.answer.what<pg_result>());
    }
    busy_until = last.at;
    return peer_.give<std::vector<pg_result>>(std::move(last), std::move(results));
  }

  caf::result<pg_chunk> transfer(const call_context& context, const pg_transfer& what) {
    auto call = call_of(what);
    note(what.lease.id, call);
    auto found = leases_.find(what.lease.id);
    if (found == leases_.end())
      return nobody_holds(call, what.lease);
    auto& state = found->second;
    auto& open = state.transfer;
    auto starts = !what.statement.sql.empty();
    auto expected = starts && !open ? peer_.script().take(call) : std::nullopt;
    if (expected)
      open = open_transfer{*expected, what.chunks};
    else if (starts || (!open && what.action != pg_transfer_action::stop))
      return fail(errc::invalid_argument, peer_.script().refuse(call));
    pg_chunk chunk;
    scripted_answer answer;
    switch (what.action) {
    case pg_transfer_action::stream:
      answer = open->answer;
      [[fallthrough]];
    case pg_transfer_action::next:
      chunk = open->take_rows();
      break;
    case pg_transfer_action::finish:
      answer = open->answer;
      chunk.rows = answer.what<pg_result>();
      [[fallthrough]];
    case pg_transfer_action::stop:
      chunk.last = true;
      break;
    default:
      break;
    }
    auto what_comes = peer_.judge(context, answer, call, std::max(self_->now(), state.busy_until));
    state.busy_until = what_comes.at;
    if (chunk.last || what_comes.why)
      open.reset();
    return peer_.give<pg_chunk>(std::move(what_comes), std::move(chunk));
  }

  caf::error nobody_holds(const std::string& call, pg_lease lease) {
    return fail(errc::invalid_argument,
                peer_.script().refuse(call + " on lease " + std::to_string(lease.id) +
                                      ", which nobody holds"));
  }

  /// The same error, as the pool has it for a statement of a batch.
  static caf::error of_statement(const caf::error& why, size_t index) {
    auto what = detail(why);
    what.fields.push_back({"statement", static_cast<int64_t>(index)});
    return fail(static_cast<errc>(why.code()), std::move(what));
  }

  caf::result<pg_lease> checkout(const call_context& context) {
    peer_.script().note("checkout");
    auto what = peer_.judge(context, peer_.take_or_succeed("checkout"), "checkout", self_->now());
    pg_lease lease;
    if (!what.why && what.at != peer::never) {
      lease.id = ++last_lease_;
      auto& state = leases_[lease.id];
      state.busy_until = what.at;
      if (const auto& owner = self_->current_mailbox_element()->sender)
        state.owner = owners_.watch(owner);
    }
    return peer_.give<pg_lease>(std::move(what), lease);
  }

  void release(pg_lease lease) {
    if (leases_.erase(lease.id) > 0)
      note(lease.id, "release");
  }

  template <class T>
  caf::result<T> on_lease(const call_context& context, pg_lease lease, const std::string& call) {
    note(lease.id, call);
    auto found = leases_.find(lease.id);
    if (found == leases_.end())
      return nobody_holds(call, lease);
    auto& state = found->second;
    auto is_statement = std::is_same_v<T, pg_result>;
    auto what =
        peer_.judge(context, is_statement ? peer_.script().take(call) : peer_.take_or_succeed(call),
                    call, std::max(self_->now(), state.busy_until));
    state.busy_until = what.at;
    return peer_.give<T>(std::move(what));
  }

  void owner_died(uint64_t owner) {
    std::erase_if(leases_, [this, owner](const auto& entry) {
      if (entry.second.owner != owner)
        return false;
      note(entry.first, "its owner died");
      return true;
    });
  }

  pool_stats stats() const {
    pool_stats result;
    result.leases = result.active_connections = static_cast<uint32_t>(leases_.size());
    return result;
  }

  std::vector<pg_holder> holders() const {
    std::vector<pg_holder> result;
    for (const auto& entry : leases_) {
      auto& holder = result.emplace_back();
      holder.lease = {entry.first};
      holder.owner = entry.second.owner;
    }
    return result;
  }

  void note(uint64_t lease, const std::string& what) {
    peer_.script().note("lease " + std::to_string(lease) + ": " + what);
  }

  loop_actor<actor_type>* self_;
  peer peer_;
  owner_watch<loop_actor<actor_type>> owners_;
  std::map<uint64_t, lease_state> leases_;
  uint64_t last_lease_ = 0;
};

} // namespace

scripted_pool::scripted_pool(actor_fixture& fix)
    : script_(std::make_shared<call_script>()),
      actor_(fix.spawn_on_loop<scripted_pool_state>(script_)) {}

scripted_answer& scripted_pool::expect_statement(const pg_statement& statement) {
  return script_->expect(call_of(statement));
}

scripted_answer& scripted_pool::expect_transfer(pg_transfer_action kind,
                                                const pg_statement& statement) {
  return script_->expect(call_of(statement, to_string(kind)));
}

scripted_answer& scripted_pool::expect_checkout() {
  return script_->expect("checkout");
}

scripted_answer& scripted_pool::expect_begin(const transaction_options& how) {
  return script_->expect(call_of(pg_transaction{{}, how.isolation, how.read_only, how.deferrable}));
}

scripted_answer& scripted_pool::expect_commit() {
  return script_->expect("commit");
}

scripted_answer& scripted_pool::expect_rollback() {
  return script_->expect("rollback");
}

} // namespace dbs::testing
