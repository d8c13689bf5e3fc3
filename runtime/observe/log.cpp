#include "dbs/runtime/observe/log.hpp"

#include "dbs/messages/error_detail.hpp"
#include "dbs/runtime/observe/internal/log_line.hpp"
#include "dbs/runtime/observe/internal/log_writer.hpp"
#include "dbs/runtime/observe/internal/repeat_limiter.hpp"
#include "dbs/runtime/observe/mask.hpp"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/rotating_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <array>
#include <atomic>
#include <mutex>
#include <utility>

namespace dbs::observe {

namespace {

constexpr std::array<std::string_view, 6> level_names{
    {"trace", "debug", "info", "warning", "error", "off"}};

/// Hands lines to a function.
class function_sink final : public spdlog::sinks::base_sink<std::mutex> {
public:
  explicit function_sink(std::function<void(std::string_view)> fn) : fn_(std::move(fn)) {}

private:
  void sink_it_(const spdlog::details::log_msg& msg) override {
    spdlog::memory_buf_t line;
    formatter_->format(msg, line);
    fn_({line.data(), line.size()});
  }

  void flush_() override {}

  std::function<void(std::string_view)> fn_;
};

spdlog::sink_ptr make_sink(const log_settings& settings, const logger_options& options) {
  if (options.sink)
    return std::make_shared<function_sink>(options.sink);
  if (settings.file.empty())
    return std::make_shared<spdlog::sinks::stderr_sink_mt>();
  // spdlog counts the files beside the current one.
  return std::make_shared<spdlog::sinks::rotating_file_sink_mt>(
      settings.file, size_t{settings.max_file_mib} << 20, settings.max_files - 1);
}

caf::error invalid(const std::string& what) {
  return fail(errc::config_invalid, what);
}

/// `config_invalid` if the file cannot be written.
caf::expected<spdlog::sink_ptr> open_sink(const log_settings& settings,
                                          const logger_options& options) {
  try {
    return make_sink(settings, options);
  } catch (const std::exception& e) {
    return invalid(mask_urls("log.file (DBS_LOG_FILE) '" + settings.file +
                             "' cannot be written: " + e.what()));
  }
}

} // namespace

std::string_view to_string(log_level level) {
  auto i = static_cast<size_t>(level);
  return i < level_names.size() ? level_names[i] : "invalid";
}

bool from_string(std::string_view in, log_level& out) {
  for (size_t i = 0; i < level_names.size(); ++i) {
    if (level_names[i] == in) {
      out = static_cast<log_level>(i);
      return true;
    }
  }
  return false;
}

struct logger::impl {
  impl(const logger_options& opts, internal::log_layout how, spdlog::sink_ptr sink)
      : options(opts), layout(how),
        limiter(opts.max_repeats, opts.repeat_window, opts.max_remembered),
        out(std::move(sink), opts.max_queued, opts.flush_limit,
            [how, now = opts.now](uint64_t dropped, uint64_t failed) {
              std::vector<field> fields{{"dropped", static_cast<int64_t>(dropped)},
                                        {"failed", static_cast<int64_t>(failed)}};
              return format(how, {now(), log_level::warning, "log", "lines were lost", &fields});
            }) {}

  static std::string format(internal::log_layout how, const internal::log_record& record) {
    // One byte is left for the line end.
    return internal::format_line(how, record, max_line_bytes - 1);
  }

  void write(const internal::log_record& record) { out.push(format(layout, record)); }

  void write(const internal::repeat_limiter::report& what) {
    std::vector<field> fields{{"suppressed", static_cast<int64_t>(what.suppressed)}};
    write({options.now(), what.level, what.component, what.message, &fields});
  }

  void report_suppressed() {
    std::vector<internal::repeat_limiter::report> due;
    {
      std::lock_guard guard{mutex};
      limiter.flush(due);
    }
    for (auto& x : due)
      write(x);
  }

  logger_options options;
  internal::log_layout layout;
  std::atomic<log_level> level{log_level::info};
  std::mutex mutex;
  internal::repeat_limiter limiter;
  std::atomic<uint64_t> suppressed{0};
  internal::log_writer out;
};

caf::expected<std::unique_ptr<logger>> logger::make(const log_settings& settings,
                                                    const logger_options& options) {
  auto level = log_level::info;
  if (!from_string(settings.level, level))
    return invalid("log.level is '" + settings.level +
                   "'; it must be trace, debug, info, warning, error or off");
  if (settings.format != "text" && settings.format != "json")
    return invalid("log.format is '" + settings.format + "'; it must be text or json");
  if (settings.max_file_mib == 0)
    return invalid("log.max_file_mib is 0; it must be at least 1");
  if (settings.max_files == 0 || settings.max_files > 1000)
    return invalid("log.max_files is " + std::to_string(settings.max_files) +
                   "; it must be between 1 and 1000");
  auto layout = settings.format == "json" ? internal::log_layout::json : internal::log_layout::text;
  auto sink = open_sink(settings, options);
  if (!sink)
    return std::move(sink.error());
  try {
    auto ptr = std::make_unique<impl>(options, layout, std::move(*sink));
    ptr->level = level;
    return std::unique_ptr<logger>{new logger{std::move(ptr)}};
  } catch (const std::exception& e) {
    return fail(errc::overloaded,
                std::string{"the thread of the log cannot be started: "} + e.what());
  }
}

logger::logger(std::unique_ptr<impl> ptr) : impl_(std::move(ptr)) {}

// The writer waits for its lines when it goes.
logger::~logger() {
  impl_->report_suppressed();
}

bool logger::enabled(log_level level) const noexcept {
  return level != log_level::off && level >= impl_->level.load(std::memory_order_relaxed);
}

log_level logger::level() const noexcept {
  return impl_->level.load(std::memory_order_relaxed);
}

void logger::set_level(log_level level) noexcept {
  impl_->level.store(level, std::memory_order_relaxed);
}

void logger::log(std::string_view component, log_level level, std::string_view message,
                 const std::vector<field>& fields) {
  if (!enabled(level))
    return;
  auto now = impl_->options.now();
  std::vector<internal::repeat_limiter::report> due;
  bool admitted = false;
  {
    std::lock_guard guard{impl_->mutex};
    admitted = impl_->limiter.admit(now, component, level, message, due);
  }
  for (auto& x : due)
    impl_->write(x);
  if (admitted)
    impl_->write({now, level, component, message, &fields});
  else
    impl_->suppressed.fetch_add(1, std::memory_order_relaxed);
}

void logger::flush() {
  impl_->report_suppressed();
  wait_written();
}

bool logger::wait_written() const {
  return impl_->out.wait_written(impl_->options.flush_limit);
}

log_stats logger::stats() const {
  auto lines = impl_->out.count();
  return {lines.written, impl_->suppressed.load(), lines.dropped, lines.failed};
}

} // namespace dbs::observe
