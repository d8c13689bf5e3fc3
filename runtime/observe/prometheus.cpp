#include "dbs/runtime/observe/prometheus.hpp"

#include "dbs/messages/error_detail.hpp"
#include "dbs/runtime/observe/internal/metric_names.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <type_traits>

namespace dbs::observe {

namespace {

struct bucket {
  std::chrono::microseconds limit;
  std::string_view seconds;
};

constexpr std::array<bucket, 16> buckets{{
    {std::chrono::microseconds{100}, "0.0001"},
    {std::chrono::microseconds{250}, "0.00025"},
    {std::chrono::microseconds{500}, "0.0005"},
    {std::chrono::milliseconds{1}, "0.001"},
    {std::chrono::microseconds{2'500}, "0.0025"},
    {std::chrono::milliseconds{5}, "0.005"},
    {std::chrono::milliseconds{10}, "0.01"},
    {std::chrono::milliseconds{25}, "0.025"},
    {std::chrono::milliseconds{50}, "0.05"},
    {std::chrono::milliseconds{100}, "0.1"},
    {std::chrono::milliseconds{250}, "0.25"},
    {std::chrono::milliseconds{500}, "0.5"},
    {std::chrono::seconds{1}, "1"},
    {std::chrono::milliseconds{2'500}, "2.5"},
    {std::chrono::seconds{5}, "5"},
    {std::chrono::seconds{10}, "10"},
}};

void append_escaped(std::string& out, std::string_view text, bool quotes) {
  for (auto c : text) {
    if (c == '\\')
      out += "\\\\";
    else if (c == '\n')
      out += "\\n";
    else if (c == '"' && quotes)
      out += "\\\"";
    else
      out += c;
  }
}

std::string number(double x) {
  if (std::isnan(x))
    return "NaN";
  if (std::isinf(x))
    return x > 0 ? "+Inf" : "-Inf";
  return fmt::format("{}", x);
}

void append_header(std::string& out, std::string_view name, std::string_view help,
                   std::string_view type) {
  out += "# HELP ";
  out += name;
  out += ' ';
  append_escaped(out, help, false);
  fmt::format_to(std::back_inserter(out), "\n# TYPE {} {}\n", name, type);
}

/// "name_suffix{label="value",le="0.1"} value"
void append_sample(std::string& out, std::string_view name, std::string_view suffix,
                   const labels& label_set, std::string_view le, std::string_view value) {
  out += name;
  out += suffix;
  char separator = '{';
  auto append_label = [&](std::string_view key, std::string_view text) {
    out += separator;
    separator = ',';
    out += key;
    out += "=\"";
    append_escaped(out, text, true);
    out += '"';
  };
  for (auto& [key, text] : label_set)
    append_label(key, text);
  if (!le.empty())
    append_label("le", le);
  if (separator == ',')
    out += '}';
  out += ' ';
  out += value;
  out += '\n';
}

void append_histogram(std::string& out, std::string_view name, const labels& label_set,
                      const histogram_snapshot& x) {
  for (auto& [limit, seconds] : buckets)
    append_sample(out, name, "_bucket", label_set, seconds, std::to_string(x.count_up_to(limit)));
  auto count = std::to_string(x.count());
  append_sample(out, name, "_bucket", label_set, "+Inf", count);
  append_sample(out, name, "_sum", label_set, {}, number(static_cast<double>(x.sum_ns()) / 1e9));
  append_sample(out, name, "_count", label_set, {}, count);
}

} // namespace

std::string to_prometheus(const std::vector<family_snapshot>& families) {
  std::string out;
  for (auto& family : families) {
    append_header(out, family.name, family.help, internal::to_string(family.kind));
    for (auto& series : family.series) {
      if (auto* count = std::get_if<uint64_t>(&series.value))
        append_sample(out, family.name, {}, series.label_set, {}, std::to_string(*count));
      else if (auto* level = std::get_if<double>(&series.value))
        append_sample(out, family.name, {}, series.label_set, {}, number(*level));
      else
        append_histogram(out, family.name, series.label_set,
                         std::get<histogram_snapshot>(series.value));
    }
  }
  return out;
}

// -- the process -----------------------------------------------------------------

namespace {

std::string read_all(const char* path) {
  std::ifstream in{path};
  return {std::istreambuf_iterator<char>{in}, {}};
}

/// The number that follows "btime " in /proc/stat: when the machine was started.
double boot_time() {
  auto text = read_all("/proc/stat");
  auto pos = text.find("\nbtime ");
  return pos == std::string::npos ? 0 : std::strtod(text.c_str() + pos + 7, nullptr);
}

} // namespace

caf::expected<process_stats> read_process_stats() {
  auto unreadable = [](std::string_view what) {
    return fail(errc::not_found, fmt::format("cannot read {}", what));
  };
  process_stats result;

  // proc(5): the fields of stat are counted from 1, and the second one, the
  // program's name, may itself contain blanks and brackets.
  auto stat = read_all("/proc/self/stat");
  auto name_end = stat.rfind(')');
  if (name_end == std::string::npos)
    return unreadable("/proc/self/stat");
  std::istringstream fields{stat.substr(name_end + 1)};
  std::vector<std::string> words{std::istream_iterator<std::string>{fields}, {}};
  constexpr size_t first = 3, utime = 14, stime = 15, starttime = 22, rss = 24;
  if (words.size() <= rss - first)
    return unreadable("/proc/self/stat");
  auto value = [&words](size_t position) {
    return std::strtod(words[position - first].c_str(), nullptr);
  };
  auto ticks = static_cast<double>(::sysconf(_SC_CLK_TCK));
  result.cpu_seconds = (value(utime) + value(stime)) / ticks;
  result.start_time_seconds = boot_time() + value(starttime) / ticks;
  result.resident_memory_bytes =
      static_cast<uint64_t>(value(rss)) * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));

  std::error_code ec;
  std::filesystem::directory_iterator fds{"/proc/self/fd", ec};
  if (ec)
    return unreadable("/proc/self/fd");
  for (auto end = std::filesystem::directory_iterator{}; !ec && fds != end; fds.increment(ec))
    ++result.open_fds;
  // The iteration itself holds one open.
  if (result.open_fds > 0)
    --result.open_fds;
  return result;
}

std::string to_prometheus(const process_stats& stats) {
  std::string out;
  auto append = [&out](std::string_view name, std::string_view type, std::string_view help,
                       const std::string& value) {
    append_header(out, name, help, type);
    append_sample(out, name, {}, {}, {}, value);
  };
  append("process_resident_memory_bytes", "gauge", "Resident memory size in bytes.",
         std::to_string(stats.resident_memory_bytes));
  append("process_open_fds", "gauge", "Number of open file descriptors.",
         std::to_string(stats.open_fds));
  append("process_cpu_seconds_total", "counter", "Total user and system CPU time in seconds.",
         number(stats.cpu_seconds));
  append("process_start_time_seconds", "gauge",
         "Start time of the process in seconds since the epoch.",
         fmt::format("{:.2f}", stats.start_time_seconds));
  return out;
}

} // namespace dbs::observe
