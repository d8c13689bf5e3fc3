#include "dbs/actors/http/http.hpp"

#include "dbs/actors/http/internal/asking.hpp"
#include "dbs/actors/http/internal/cache_routes.hpp"
#include "dbs/actors/http/internal/http_metrics.hpp"
#include "dbs/actors/http/internal/resize_body.hpp"
#include "dbs/actors/http/internal/sql_body.hpp"
#include "dbs/actors/http/internal/views.hpp"
#include "dbs/actors/postgres_pool/pool_id.hpp"
#include "dbs/messages/error_detail.hpp"
#include "dbs/runtime/observe/json.hpp"
#include "dbs/runtime/observe/prometheus.hpp"

#include <caf/telemetry/collector/prometheus.hpp>

#include <nlohmann/json.hpp>

#include <stdexcept>

namespace dbs {

namespace {

using namespace std::chrono_literals;
using namespace internal;

/// Between two attempts to listen.
constexpr backoff_options listen_delays{.first = 100ms, .base = 200ms, .cap = 5s, .jitter = 0.2};

/// What `/v1/sql` returns at most.
constexpr result_limits sql_limits{.rows = 10'000, .bytes = size_t{8} << 20};

/// Before the end of a drain: for the last answers to leave.
constexpr caf::timespan farewell_time = 200ms;

http_server_options server_options(const http_settings& settings) {
  http_server_options result;
  result.max_connections = settings.max_connections;
  result.max_body_bytes = settings.max_request_bytes;
  result.request_timeout = settings.request_timeout;
  return result;
}

} // namespace

http_state::http_state(loop_actor<actor_type>* self, http_options options)
    : self_(self), options_(std::move(options)),
      metrics_(std::make_unique<internal::http_metrics>(*options_.metrics)),
      cache_(std::make_unique<internal::cache_routes>(self, options_.cache)),
      backoff_(listen_delays) {
  get("/health/live", &http_state::live);
  get("/health/ready", &http_state::ready);
  get("/health/database-services", &http_state::services_report);
  get("/health/{component}", &http_state::component_report);
  get("/metrics", &http_state::prometheus);
  get("/metrics/database-services", &http_state::services_metrics);
  admin("GET", "/v1/health", &http_state::services_report);
  admin("GET", "/v1/tree", &http_state::tree);
  admin("GET", "/v1/stats/{child}", &http_state::stats);
  admin("GET", "/v1/pool/holders", &http_state::holders);
  admin("GET", "/v1/pool/holders/{pool}", &http_state::holders);
  admin("POST", "/v1/pool/resize", &http_state::resize_pool);
  admin("POST", "/v1/sql", &http_state::sql);
  admin("GET", "/v1/config", &http_state::configuration);
  cache_->add_to([this](auto method, auto path, auto what) { admin(method, path, what); });
}

http_state::~http_state() = default;

http_state::actor_type::behavior_type http_state::make_behavior() {
  auto options = server_options(options_.settings);
  options.enter = [self = self_](std::function<void()> fn) {
    // Keeps the actor alive while the completion runs, which may make it quit.
    caf::strong_actor_ptr guard{self->ctrl()};
    self->enter(fn);
  };
  server_ = std::make_unique<http_server>(self_->io(), self_->timers(), std::move(options),
                                          [this](http_request request, http_responder answer) {
                                            routes_(std::move(request), std::move(answer));
                                          });
  return {
      [this](start_atom, const call_context&) { return start(); },
      [this](ready_atom, const call_context&) { return startup_.ready(self_); },
      [this](drain_atom, const call_context& context) { return drain(context); },
      [this](health_atom, const call_context&) { return health(); },
      [this](stats_atom, const call_context&) {
        return stats_report{"http", health().fields};
      },
      [](resize_atom, const call_context&, const resize_request& request) -> caf::result<void> {
        return fail(errc::invalid_argument, "http has no size '" + request.what + "'");
      },
  };
}

// -- listeners ---------------------------------------------------------------------

void http_state::add(const std::string& method, const std::string& path, http_handler what) {
  if (auto refused = routes_.add(method, path, std::move(what)))
    throw std::logic_error(describe(refused));
}

void http_state::get(const std::string& path, handler what) {
  add("GET", path, [this, what](const http_request& request, const http_responder& answer) {
    (this->*what)(request, answer);
  });
}

void http_state::admin(const std::string& method, const std::string& path, handler what) {
  admin(method, path, [this, what](const http_request& request, const http_responder& answer) {
    (this->*what)(request, answer);
  });
}

void http_state::admin(const std::string& method, const std::string& path, http_handler what) {
  add(method, path, [what](const http_request& request, const http_responder& answer) {
    if (request.over_unix_socket)
      what(request, answer);
    else
      answer.answer(http_error(403, "forbidden", "administration needs the Unix socket"));
  });
}

caf::result<void> http_state::start() {
  if (!std::exchange(started_, true))
    listen();
  return startup_.start(self_);
}

void http_state::listen() {
  retry_ = {};
  problem_ = listen_on_port();
  if (auto also = listen_on_socket())
    problem_ = problem_
                   ? fail(errc::config_invalid, detail(problem_).what + "; " + detail(also).what)
                   : std::move(also);
  if (!problem_) {
    startup_.succeeded();
    return;
  }
  startup_.failed(problem_);
  retry_ = self_->timers().schedule_after(backoff_.next(), [this] { listen(); });
}

caf::error http_state::listen_on_port() {
  if (on_port_)
    return {};
  auto known = options_.port->load();
  auto port =
      server_->listen_tcp(options_.settings.address, known != 0 ? known : options_.settings.port);
  if (!port)
    return std::move(port.error());
  on_port_ = true;
  options_.port->store(*port);
  options_.log->log("http", observe::log_level::info, "listening",
                    {{"address", options_.settings.address}, {"port", int64_t{*port}}});
  return {};
}

caf::error http_state::listen_on_socket() {
  if (on_socket_)
    return {};
  if (auto reason = server_->listen_unix(options_.settings.socket))
    return reason;
  on_socket_ = true;
  options_.log->log("http", observe::log_level::info, "listening",
                    {{"socket", options_.settings.socket}});
  return {};
}

caf::result<void> http_state::drain(const call_context& context) {
  self_->timers().cancel(retry_);
  started_ = true;
  draining_ = true;
  startup_.ended(fail(errc::draining, "http is shutting down"));
  auto done = std::make_shared<reply<void>>(self_);
  server_->stop_accepting([done] { done->deliver(); });
  if (context.has_deadline()) {
    self_->timers().schedule(context.deadline - farewell_time,
                             [this] { server_->answer_unfinished(); });
    self_->timers().schedule(context.deadline, [this, done] {
      server_->close();
      done->deliver();
    });
  }
  return reply<void>::pending();
}

health_report http_state::health() const {
  auto stats = server_->stats();
  metrics_->publish(stats);
  auto listening = on_port_ && on_socket_ && !draining_;
  auto why = draining_  ? "http is shutting down"
             : started_ ? detail(problem_).what
                        : "http has not been started";
  return {"http",
          listening ? health_status::healthy : health_status::unhealthy,
          listening ? "" : why,
          {{"port", int64_t{options_.port->load()}},
           {"connections", static_cast<int64_t>(stats.active)},
           {"accepted", static_cast<int64_t>(stats.accepted)},
           {"rejected", static_cast<int64_t>(stats.rejected)},
           {"requests", static_cast<int64_t>(stats.requests)},
           {"bad_requests", static_cast<int64_t>(stats.bad_requests)},
           {"timeouts", static_cast<int64_t>(stats.timeouts)}}};
}

// -- health and metrics ------------------------------------------------------------

template <class OnHealth>
void http_state::with_health(const http_responder& answer, OnHealth on_health) {
  ask(self_, options_.health, report_atom_v)
      .then([answer, on_health](const services_health& health) { on_health(health, answer); },
            or_error(answer));
}

void http_state::live(const http_request&, const http_responder& answer) {
  answer.answer(json_response({{"status", "alive"}}));
}

void http_state::ready(const http_request&, const http_responder& answer) {
  with_health(answer, [](const services_health& health, const http_responder& to) {
    if (health.ready) {
      to.answer(json_response({{"status", "ready"}}));
      return;
    }
    auto waiting = nlohmann::json::object();
    for (auto& x : health.components)
      if (x.status == health_status::unhealthy)
        waiting[public_name(x.component)] = x.detail;
    to.answer(json_response({{"status", "not ready"}, {"waiting_for", waiting}}, 503));
  });
}

void http_state::services_report(const http_request&, const http_responder& answer) {
  with_health(answer, [](const services_health& health, const http_responder& to) {
    to.answer(json_response(to_json(health), http_status(health.overall)));
  });
}

void http_state::component_report(const http_request& request, const http_responder& answer) {
  auto id = child_id(request.param);
  with_health(answer, [id](const services_health& health, const http_responder& to) {
    for (auto& x : health.components) {
      if (x.component == id) {
        to.answer(json_response(to_json(x), http_status(x.status)));
        return;
      }
    }
    to.answer(http_error(404, "not_found", "there is no component '" + id + "'"));
  });
}

void http_state::prometheus(const http_request&, const http_responder& answer) {
  auto page = [this, answer](const std::vector<child_info>& tree) {
    answer.answer({200, std::string{observe::prometheus_content_type}, metrics_page(tree)});
  };
  // Without the supervisor's answer, all other metrics are worth having.
  ask(self_, options_.supervisor, tree_atom_v).then(page, [page](const caf::error&) { page({}); });
}

std::string http_state::metrics_page(const std::vector<child_info>& tree) const {
  metrics_->publish(server_->stats());
  auto text = observe::to_prometheus(options_.metrics->collect());
  text += observe::to_prometheus(to_families(tree));
  text += observe::to_prometheus(to_families(options_.log->stats()));
  if (auto process = observe::read_process_stats())
    text += observe::to_prometheus(*process);
  caf::telemetry::collector::prometheus collector;
  auto of_caf = collector.collect_from(self_->system().metrics());
  return text.append(of_caf.data(), of_caf.size());
}

void http_state::services_metrics(const http_request&, const http_responder& answer) {
  struct round {
    nlohmann::json body = nlohmann::json::object();
    size_t missing = 0;
  };
  auto collect = [this, answer](const std::vector<child_info>& tree) {
    auto collected = std::make_shared<round>();
    collected->missing = tree.size();
    for (auto& child : tree) {
      auto done = [collected, answer, key = public_name(child.id)](nlohmann::json value) {
        collected->body[key] = std::move(value);
        if (--collected->missing == 0)
          answer.answer(json_response(collected->body));
      };
      ask(self_, options_.supervisor, stats_atom_v, child.id)
          .then([done](const stats_report& report) { done(observe::to_json(report.fields)); },
                [done](const caf::error& reason) {
                  done({{"error", describe(without_caf(reason))}});
                });
    }
  };
  ask(self_, options_.supervisor, tree_atom_v).then(collect, or_error(answer));
}

// -- administration ----------------------------------------------------------------

void http_state::tree(const http_request&, const http_responder& answer) {
  ask(self_, options_.supervisor, tree_atom_v)
      .then(
          [answer](const std::vector<child_info>& x) { answer.answer(json_response(to_json(x))); },
          or_error(answer));
}

void http_state::stats(const http_request& request, const http_responder& answer) {
  ask(self_, options_.supervisor, stats_atom_v, child_id(request.param))
      .then(
          [answer](const stats_report& report) {
            auto body = observe::to_json(report.fields);
            // The pool's own figures stand at the top level, as the runbook reads them.
            if (auto pool = body.find("pool"); pool != body.end()) {
              auto inner = *pool;
              body.erase(pool);
              body.update(inner);
            }
            answer.answer(json_response(body));
          },
          or_error(answer));
}

void http_state::resize_pool(const http_request& request, const http_responder& answer) {
  auto wanted = parse_resize_body(request.body);
  if (!wanted) {
    answer.answer(to_response(wanted.error()));
    return;
  }
  ask(self_, options_.supervisor, resize_atom_v, pool_id(wanted->pool), wanted->request)
      .then(
          [answer] {
            answer.answer(json_response({{"resized", true}}));
          },
          or_error(answer));
}

const database_client* http_state::find_pool(const std::string& id,
                                             const http_responder& answer) const {
  auto found = options_.databases.find(id);
  if (found != options_.databases.end())
    return &found->second;
  answer.answer(to_response(fail(errc::not_found, "there is no pool '" + id + "'")));
  return nullptr;
}

void http_state::holders(const http_request& request, const http_responder& answer) {
  auto* pool = find_pool(request.param, answer);
  if (pool == nullptr)
    return;
  ask(self_, pool->actor(), holders_atom_v)
      .then([answer](const std::vector<pg_holder>& x) { answer.answer(json_response(to_json(x))); },
            or_error(answer));
}

void http_state::sql(const http_request& request, const http_responder& answer) {
  auto wanted = parse_sql_body(request.body);
  if (!wanted) {
    answer.answer(to_response(wanted.error()));
    return;
  }
  auto* pool = find_pool(wanted->pool, answer);
  if (pool == nullptr)
    return;
  wait_for(answer, wanted->timeout);
  ask_within(self_, wanted->timeout, pool->actor(), execute_atom_v, std::move(wanted->statement))
      .then([answer](const pg_result& x) { answer.answer(json_response(to_json(x, sql_limits))); },
            or_error(answer));
}

void http_state::configuration(const http_request&, const http_responder& answer) {
  answer.answer({200, "application/json", options_.configuration});
}

// -- spawning ----------------------------------------------------------------------

manager_control_actor spawn_http(event_loop& loop, http_options options) {
  return spawn_on<http_state>(loop, std::move(options));
}

} // namespace dbs
