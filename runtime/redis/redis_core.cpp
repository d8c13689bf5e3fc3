// Requests and their answers; redis_pool.cpp has the connections.
#include "dbs/runtime/redis/redis_core.hpp"

#include "dbs/messages/error_detail.hpp"
#include "dbs/messages/redis/redis.hpp"

#include <algorithm>
#include <utility>

namespace dbs::redis {

namespace {

/// Beyond this, gathering costs more than another write.
constexpr size_t gathered_bytes = size_t{64} << 10;

/// EVAL in place of EVALSHA.
redis_command with_its_source(const redis_command& call) {
  auto reads = call.name().size() > std::string_view{"EVALSHA"}.size();
  redis_command result{reads ? "EVAL_RO" : "EVAL"};
  result.add(call.source());
  result.add_from(call, 2);
  return result;
}

bool is_unknown_script(const redis_reply& reply) {
  return reply.type() == redis_type::error && reply.text().starts_with("NOSCRIPT");
}

} // namespace

// -- asking --------------------------------------------------------------------------

caf::error redis_core::check(const redis_command& what, const command_rules& rules) {
  if (what.words() == 0)
    return fail(errc::invalid_argument, "a command to Redis has no name");
  if (what.bytes() > redis_command::max_bytes || what.words() > redis_command::max_words)
    return fail(errc::payload_too_large, "a command to Redis is too large",
                {{"bytes", static_cast<int64_t>(what.bytes())},
                 {"max_bytes", static_cast<int64_t>(redis_command::max_bytes)},
                 {"words", static_cast<int64_t>(what.words())},
                 {"max_words", static_cast<int64_t>(redis_command::max_words)}});
  return rules.refusal;
}

caf::error redis_core::admit(size_t commands, size_t bytes, time_point now, time_point deadline) {
  if (life_ >= life::draining)
    return fail(errc::draining, "redis is shutting down");
  if (deadline <= now) {
    ++counted_.late;
    return fail(errc::deadline_exceeded, "the deadline had passed before the command was sent");
  }
  if (down_)
    return fail(errc::connection_lost, "redis is not there: " + detail(last_error_).what);
  if (in_flight_ + commands > limits_.max_commands ||
      in_flight_bytes_ + bytes > limits_.max_bytes) {
    ++counted_.overloaded;
    return fail(errc::overloaded, "too many commands wait for redis",
                {{"commands", static_cast<int64_t>(in_flight_)},
                 {"max_commands", static_cast<int64_t>(limits_.max_commands)},
                 {"bytes", static_cast<int64_t>(in_flight_bytes_)},
                 {"max_bytes", static_cast<int64_t>(limits_.max_bytes)}});
  }
  in_flight_ += commands;
  in_flight_bytes_ += bytes;
  counted_.commands += commands;
  return {};
}

flight redis_core::make_flight(redis_command&& what, bool reads, time_point now,
                               time_point deadline) {
  flight result;
  result.reads = reads;
  result.admitted = what.bytes();
  result.command = std::move(what);
  result.asked = now;
  result.deadline = deadline;
  return result;
}

void redis_core::execute(redis_command what, time_point deadline, reply_sink& to,
                         request_token token) {
  auto now = timers_.now();
  if (deadline == time_point::max())
    deadline = now + settings_.command_timeout;
  auto rules = rules_of(what);
  auto refused = check(what, rules);
  if (refused)
    ++counted_.refused;
  else
    refused = admit(1, what.bytes(), now, deadline);
  if (refused)
    return to.on_reply(token, std::move(refused));
  auto x = make_flight(std::move(what), rules.reads, now, deadline);
  x.to = &to;
  x.token = token;
  watch(deadline);
  auto* conn = waiting_.empty() ? pick(1, now) : nullptr;
  if (conn == nullptr)
    return waiting_.push_back(std::move(x));
  conn->send(std::move(x));
  flush_if_large(*conn);
}

void redis_core::execute(std::vector<redis_command> batch, time_point deadline, reply_sink& to,
                         request_token token) {
  auto now = timers_.now();
  if (deadline == time_point::max())
    deadline = now + settings_.command_timeout;
  caf::error refused;
  if (batch.empty() || batch.size() > redis_batch::max_commands)
    refused = fail(errc::invalid_argument,
                   "a batch has 1 to " + std::to_string(redis_batch::max_commands) + " commands");
  size_t bytes = 0;
  for (size_t i = 0; i < batch.size() && !refused; ++i) {
    refused = check(batch[i], rules_of(batch[i]));
    // An unknown script could only be sent again behind the commands that follow it.
    if (!refused && !batch[i].source().empty())
      batch[i] = with_its_source(batch[i]);
    bytes += batch[i].bytes();
    if (refused) {
      auto info = detail(refused);
      info.fields.push_back({"statement", static_cast<int64_t>(i)});
      refused = fail(static_cast<errc>(refused.code()), std::move(info));
    }
  }
  if (!refused && bytes > limits_.max_bytes)
    refused = fail(errc::payload_too_large, "a batch of commands to Redis is too large",
                   {{"bytes", static_cast<int64_t>(bytes)},
                    {"max_bytes", static_cast<int64_t>(limits_.max_bytes)}});
  if (refused)
    ++counted_.refused;
  else
    refused = admit(batch.size(), bytes, now, deadline);
  if (refused)
    return to.on_replies(token, std::move(refused));
  ++counted_.batches;
  auto shared = std::make_shared<flying_batch>();
  shared->to = &to;
  shared->token = token;
  shared->left = batch.size();
  shared->replies.resize(batch.size());
  for (size_t i = 0; i < batch.size(); ++i) {
    auto reads = rules_of(batch[i]).reads;
    auto x = make_flight(std::move(batch[i]), reads, now, deadline);
    x.batch = shared;
    x.index = static_cast<uint32_t>(i);
    waiting_.push_back(std::move(x));
  }
  watch(deadline);
  dispatch();
}

/// Sends what waits, in the order of asking, as far as connections take it.
void redis_core::dispatch() {
  if (ready_ == 0 || waiting_.empty())
    return;
  auto now = timers_.now();
  while (!waiting_.empty()) {
    auto& first = waiting_.front();
    auto together = first.batch ? first.batch->replies.size() : size_t{1};
    auto* conn = pick(together, now);
    if (conn == nullptr)
      return;
    for (; together > 0; --together) {
      conn->send(std::move(waiting_.front()));
      waiting_.pop_front();
    }
    flush_if_large(*conn);
  }
}

void redis_core::flush_if_large(connection& conn) {
  if (conn.unflushed_bytes() > gathered_bytes && !conn.congested())
    conn.flush();
}

connection* redis_core::pick(size_t commands, time_point now) {
  slot* least = nullptr;
  for (auto& x : slots_) {
    auto& conn = *x.conn;
    auto pending = conn.pending();
    if (!x.ready || conn.overdue_since() != time_point::max() ||
        (pending > 0 && pending + commands > limits_.max_pending))
      continue;
    if (pending < limits_.depth && !conn.congested()) {
      x.used = now;
      return &conn;
    }
    if (least == nullptr || pending < least->conn->pending())
      least = &x;
  }
  connection* result = nullptr;
  if (least != nullptr) {
    least->used = now;
    result = least->conn.get();
  }
  if (ready_ > 0 && life_ == life::started && slots_.size() < settings_.pool_max &&
      connecting_ == 0 && !retry_timer_)
    open_one(); // which moves the slots
  return result;
}

// -- deadlines -----------------------------------------------------------------------

/// One timer for all: most commands are answered long before it fires, and cost nothing.
void redis_core::watch(time_point deadline) {
  if (deadline >= watched_)
    return;
  timers_.cancel(deadline_timer_);
  watched_ = deadline;
  deadline_timer_ = timers_.schedule(deadline, [this] { on_deadline(); });
}

void redis_core::on_deadline() {
  deadline_timer_ = {};
  watched_ = time_point::max();
  auto now = timers_.now();
  auto earliest = time_point::max();
  flight_queue late;
  for (auto& x : waiting_) {
    if (x.deadline <= now)
      late.push_back(std::exchange(x, {}));
    else
      earliest = std::min(earliest, x.deadline);
  }
  drop_unwanted();
  std::vector<connection*> all;
  for (auto& x : slots_)
    if (x.ready)
      all.push_back(x.conn.get());
  for (auto& x : late)
    expire(x, false);
  for (auto* conn : all)
    earliest = std::min(earliest,
                        conn->expire(now, [this](const flight& x, bool sent) { expire(x, sent); }));
  if (earliest != time_point::max())
    watch(earliest);
  dispatch();
}

void redis_core::expire(const flight& what, bool sent) {
  if (what.probe) {
    ++counted_.failed_probes;
    return;
  }
  ++counted_.late;
  auto in_doubt = sent && !what.reads;
  refuse(what, sent, in_doubt ? errc::in_doubt : errc::deadline_exceeded,
         sent ? "no answer from redis before the deadline"
              : "the deadline passed before the command was sent");
}

// -- answering -----------------------------------------------------------------------

void redis_core::on_reply(connection& conn, flight&& what, redis_reply&& reply) {
  if (what.probe)
    return on_probe(conn, what, reply);
  if (!what.command.source().empty() && is_unknown_script(reply)) {
    // It has not run, so that this is no repetition.
    ++counted_.scripts_sent;
    what.command = with_its_source(what.command);
    conn.send(std::move(what));
    return;
  }
  answer(what, std::move(reply), conn.last_heard());
}

void redis_core::on_heard(connection&) {
  dispatch();
}

void redis_core::answer(flight& what, redis_reply&& reply, time_point now) {
  release(what);
  owner_.record_command(std::chrono::duration_cast<caf::timespan>(now - what.asked));
  auto failed = reply.type() == redis_type::error;
  if (failed)
    ++counted_.server_errors;
  if (what.batch)
    answer_part(what, std::move(reply), true);
  else if (failed)
    what.to->on_reply(what.token, reply.error());
  else
    what.to->on_reply(what.token, std::move(reply));
  end_drain_if_done();
}

void redis_core::refuse(const flight& what, bool sent, errc code, const std::string& why) {
  release(what);
  if (code == errc::in_doubt)
    ++counted_.in_doubt;
  if (what.batch)
    answer_part(what, redis_reply::failure(code, why), sent);
  else
    what.to->on_reply(what.token, fail(code, why));
  end_drain_if_done();
}

void redis_core::release(const flight& what) {
  --in_flight_;
  in_flight_bytes_ -= what.admitted;
}

void redis_core::answer_part(const flight& what, redis_reply&& reply, bool sent) {
  auto& batch = *what.batch;
  batch.sent = batch.sent || sent;
  batch.replies[what.index] = std::move(reply);
  if (--batch.left > 0)
    return;
  // All of it has failed, and nothing of it has reached the server.
  if (!batch.sent)
    batch.to->on_replies(batch.token, batch.replies.front().error());
  else
    batch.to->on_replies(batch.token, std::move(batch.replies));
}

void redis_core::refuse_waiting(const caf::error& reason) {
  auto why = "redis is not there: " + detail(reason).what;
  for (auto& x : std::exchange(waiting_, {}))
    refuse(x, false, errc::connection_lost, why);
}

void redis_core::drop_unwanted() {
  auto from =
      std::remove_if(waiting_.begin(), waiting_.end(), [](const flight& x) { return !x.wanted(); });
  waiting_.erase(from, waiting_.end());
}

// -- the end -------------------------------------------------------------------------

std::vector<flight> redis_core::take_out(const std::function<bool(const flight& what)>& which) {
  std::vector<flight> result;
  for (auto& x : waiting_)
    if (which(x))
      result.push_back(std::exchange(x, {}));
  drop_unwanted();
  for (auto& x : slots_)
    x.conn->drop(which, [&](const flight& what, bool) { result.push_back(what); });
  for (auto& x : result)
    if (!x.probe)
      release(x);
  return result;
}

void redis_core::forget(const reply_sink& to) {
  take_out([&](const flight& x) { return (x.batch ? x.batch->to : x.to) == &to; });
  end_drain_if_done();
}

redis_core::~redis_core() {
  timers_.cancel(deadline_timer_);
  timers_.cancel(retry_timer_);
  timers_.cancel(tick_timer_);
  life_ = life::drained;
  auto reason = fail(errc::restarted, "the manager stopped while it held the request");
  for (auto& x : take_out([](const flight&) { return true; })) {
    if (x.to != nullptr)
      x.to->on_reply(x.token, reason);
    else if (x.batch && x.batch->to != nullptr)
      std::exchange(x.batch->to, nullptr)->on_replies(x.batch->token, reason);
  }
}

void redis_core::drain() {
  if (life_ >= life::draining)
    return;
  life_ = life::draining;
  end_drain_if_done();
}

void redis_core::end_drain_if_done() {
  if (life_ == life::draining && in_flight_ == 0)
    abort(fail(errc::draining, "redis is shutting down"));
}

void redis_core::abort(const caf::error& reason) {
  if (std::exchange(life_, life::drained) == life::drained)
    return;
  timers_.cancel(retry_timer_);
  timers_.cancel(tick_timer_);
  timers_.cancel(deadline_timer_);
  watched_ = time_point::max();
  std::vector<connection*> all;
  for (auto& x : slots_)
    all.push_back(x.conn.get());
  for (auto* conn : all)
    conn->close(reason);
  refuse_waiting(reason);
  owner_.on_drained();
}

client_figures redis_core::figures() const {
  auto result = counted_;
  result.connections = ready_;
  result.connecting = connecting_;
  result.in_flight = in_flight_;
  result.in_flight_bytes = in_flight_bytes_;
  result.waiting = waiting_.size();
  return result;
}

} // namespace dbs::redis
