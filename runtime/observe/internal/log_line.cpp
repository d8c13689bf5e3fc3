#include "dbs/runtime/observe/internal/log_line.hpp"

#include "dbs/config/secret_name.hpp"
#include "dbs/messages/utf8.hpp"
#include "dbs/runtime/observe/mask.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <cmath>
#include <iterator>
#include <type_traits>
#include <variant>

namespace dbs::observe::internal {

namespace {

constexpr std::string_view cut_marker = "[cut]";
constexpr size_t max_component_bytes = 64;

/// Room for what closes a line: the number of omitted fields and brackets.
constexpr size_t reserve = 64;

/// How text is shown: bare and quoted belong to the text layout.
enum class style : uint8_t { bare, quoted, json };

/// The character at `pos` as it may be shown.
std::string_view escape(style how, std::string_view text, size_t pos, utf8_char c,
                        fmt::memory_buffer& scratch) {
  scratch.clear();
  auto out = std::back_inserter(scratch);
  if (c.length == 0) {
    if (how == style::json)
      return "\\ufffd";
    fmt::format_to(out, "\\x{:02x}", static_cast<uint8_t>(text[pos]));
    return {scratch.data(), scratch.size()};
  }
  switch (c.code) {
  case '\n':
    return "\\n";
  case '\r':
    return "\\r";
  case '\t':
    return "\\t";
  case '\\':
    return "\\\\";
  case '"':
    return how == style::bare ? "\"" : "\\\"";
  default:
    if (!is_control(c.code))
      return text.substr(pos, c.length);
    fmt::format_to(out, "\\u{:04x}", c.code);
    return {scratch.data(), scratch.size()};
  }
}

/// Appends the text in at most `room` bytes.
void append_escaped(std::string& out, style how, std::string_view text, size_t room) {
  fmt::memory_buffer scratch;
  auto begin = out.size();
  // Where the marker can replace what follows.
  auto cut_at = begin;
  for (size_t pos = 0; pos < text.size();) {
    auto c = decode_utf8(text, pos);
    auto shown = escape(how, text, pos, c, scratch);
    auto used = out.size() - begin;
    if (used + cut_marker.size() <= room)
      cut_at = out.size();
    if (used + shown.size() > room) {
      out.resize(cut_at);
      if (room >= cut_marker.size())
        out += cut_marker;
      return;
    }
    out += shown;
    pos += c.length == 0 ? 1 : c.length;
  }
}

bool needs_quotes(std::string_view text) {
  if (text.empty())
    return true;
  for (size_t pos = 0; pos < text.size();) {
    auto c = decode_utf8(text, pos);
    if (c.length == 0 || is_control(c.code) || c.code == ' ' || c.code == '"' || c.code == '=' ||
        c.code == '\\')
      return true;
    pos += c.length;
  }
  return false;
}

class line_writer {
public:
  line_writer(log_layout layout, size_t max_bytes) : layout_(layout), max_bytes_(max_bytes) {
    line_.reserve(256);
  }

  std::string write(const log_record& record) {
    auto component = record.component.substr(0, max_component_bytes);
    auto time = format_time(record.at);
    auto level = to_string(record.level);
    if (layout_ == log_layout::json) {
      line_ = fmt::format(R"({{"ts":"{}","level":"{}","component":")", time, level);
      append_escaped(line_, bare(), component, 2 * max_component_bytes);
      line_ += R"(","message":")";
      append_message(record);
      line_ += '"';
    } else {
      line_ = fmt::format("{} {} ", time, level);
      append_escaped(line_, bare(), component, 2 * max_component_bytes);
      line_ += ' ';
      append_message(record);
    }
    if (record.fields != nullptr && !record.fields->empty())
      append_fields(*record.fields);
    if (layout_ == log_layout::json)
      line_ += '}';
    return std::move(line_);
  }

private:
  /// For text that has its quotes already, or none.
  style bare() const { return layout_ == log_layout::json ? style::json : style::bare; }

  size_t room() const {
    auto used = line_.size() + reserve;
    return used < max_bytes_ ? max_bytes_ - used : 0;
  }

  void append_message(const log_record& record) {
    // Leaves half of the line to the fields, if there are any.
    auto share = record.fields != nullptr && !record.fields->empty() ? room() / 2 : room();
    append_escaped(line_, bare(), mask_urls(record.message), share);
  }

  void append_fields(const std::vector<field>& fields) {
    auto json = layout_ == log_layout::json;
    if (json)
      line_ += R"(,"fields":{)";
    size_t shown = 0;
    for (auto& x : fields) {
      auto before = line_.size();
      if (json)
        line_ += shown == 0 ? "" : ",";
      else
        line_ += ' ';
      if (!append_field(x)) {
        line_.resize(before);
        break;
      }
      ++shown;
    }
    if (json)
      line_ += '}';
    if (shown < fields.size()) {
      line_ += json ? R"(,"omitted_fields":)" : " omitted_fields=";
      line_ += std::to_string(fields.size() - shown);
    }
  }

  /// False if there is no room for it.
  bool append_field(const field& x) {
    constexpr size_t least = 32;
    auto name = std::string_view{x.name}.substr(0, max_component_bytes);
    auto json = layout_ == log_layout::json;
    if (room() < 6 * name.size() + least)
      return false;
    auto quoted_name = json || needs_quotes(name);
    append_quoted(name, quoted_name, 6 * max_component_bytes);
    line_ += json ? ':' : '=';
    if (is_secret_name(x.name)) {
      append_quoted("***", json, least);
      return true;
    }
    std::visit([this](const auto& value) { append_value(value); }, x.value);
    return true;
  }

  template <class T>
  void append_value(const T& value) {
    auto json = layout_ == log_layout::json;
    if constexpr (std::is_same_v<T, std::string>) {
      auto masked = mask_urls(value);
      append_quoted(masked, json || needs_quotes(masked), room());
    } else if constexpr (std::is_same_v<T, double>) {
      if (json && !std::isfinite(value))
        line_ += "null";
      else
        fmt::format_to(std::back_inserter(line_), "{}", value);
    } else {
      fmt::format_to(std::back_inserter(line_), "{}", value);
    }
  }

  void append_quoted(std::string_view text, bool quotes, size_t limit) {
    if (quotes)
      line_ += '"';
    auto how = layout_ == log_layout::json ? style::json : quotes ? style::quoted : style::bare;
    append_escaped(line_, how, text, limit);
    if (quotes)
      line_ += '"';
  }

  log_layout layout_;
  size_t max_bytes_;
  std::string line_;
};

} // namespace

std::string format_time(std::chrono::system_clock::time_point at) {
  auto ms = std::chrono::floor<std::chrono::milliseconds>(at);
  auto seconds = std::chrono::floor<std::chrono::seconds>(ms);
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z",
                     fmt::gmtime(std::chrono::system_clock::to_time_t(seconds)),
                     (ms - seconds).count());
}

std::string format_line(log_layout layout, const log_record& record, size_t max_bytes) {
  return line_writer{layout, max_bytes}.write(record);
}

} // namespace dbs::observe::internal
