#include "dbs/config/setting_value.hpp"

#include "dbs/config/database_url.hpp"
#include "dbs/config/duration.hpp"
#include "dbs/config/internal/url_text.hpp"
#include "dbs/config/redis_url.hpp"
#include "dbs/messages/error_detail.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <type_traits>
#include <utility>

namespace dbs {

namespace {

using problem = std::optional<std::string>;

std::string number_text(double x) {
  return to_string(field::value_type{x});
}

/// The members of the table are those of `settings::database`: while this lives, the named
/// database that a row is about stands there.
class in_its_place {
public:
  in_its_place(const setting_descriptor& row, settings& values)
      : values_(values),
        named_(row.database.empty() ? values.database : values.databases[row.database]) {
    std::swap(values_.database, named_);
  }

  ~in_its_place() { std::swap(values_.database, named_); }

  in_its_place(const in_its_place&) = delete;
  in_its_place& operator=(const in_its_place&) = delete;

private:
  settings& values_;
  database_settings& named_;
};

// -- reading -----------------------------------------------------------------------

std::string lower_case(std::string_view text) {
  std::string result{text};
  for (auto& c : result)
    if (c >= 'A' && c <= 'Z')
      c = static_cast<char>(c - 'A' + 'a');
  return result;
}

/// Digits only, with an optional sign: what someone meant as a whole number.
bool is_whole(std::string_view text) {
  if (!text.empty() && (text.front() == '-' || text.front() == '+'))
    text.remove_prefix(1);
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

class reader {
public:
  reader(settings& values, std::string_view text) : values_(values), text_(text) {}

  problem operator()(const boolean_setting& x) const {
    auto word = lower_case(text_);
    if (word == "true" || word == "yes" || word == "on" || word == "1")
      x.member(values_) = true;
    else if (word == "false" || word == "no" || word == "off" || word == "0")
      x.member(values_) = false;
    else
      return "is neither true nor false";
    return std::nullopt;
  }

  problem operator()(const integer_setting& x) const {
    auto digits = text_.substr(text_.starts_with('+') ? 1 : 0);
    auto number = internal::parse_decimal(digits, x.min, x.max);
    if (!number)
      return is_whole(text_) ? "is out of range" : "is not a whole number";
    std::visit(
        [this, &number](auto member) {
          auto& place = member(values_);
          place = static_cast<std::remove_reference_t<decltype(place)>>(*number);
        },
        x.member);
    return std::nullopt;
  }

  problem operator()(const number_setting& x) const {
    double number = 0;
    auto* last = text_.data() + text_.size();
    auto [end, code] = std::from_chars(text_.data(), last, number);
    if (code != std::errc{} || end != last || !std::isfinite(number))
      return "is not a number";
    if (number < x.min || number > x.max)
      return "is out of range";
    x.member(values_) = number;
    return std::nullopt;
  }

  problem operator()(const duration_setting& x) const {
    auto time = parse_duration(text_);
    if (!time)
      return "is not a duration";
    if (*time < x.min || *time > x.max)
      return "is out of range";
    x.member(values_) = *time;
    return std::nullopt;
  }

  problem operator()(const choice_setting& x) const {
    if (std::find(x.choices.begin(), x.choices.end(), text_) == x.choices.end())
      return "is unknown";
    x.member(values_) = std::string{text_};
    return std::nullopt;
  }

  problem operator()(const text_setting& x) const {
    if (!x.accepts(text_))
      return "is refused";
    x.member(values_) = std::string{text_};
    return std::nullopt;
  }

  problem operator()(const database_url_setting& x) const {
    return take(parse_database_url(text_), x.member(values_));
  }

  problem operator()(const redis_url_setting& x) const {
    return take(parse_redis_url(text_), x.member(values_));
  }

private:
  template <class T>
  static problem take(caf::expected<T> parsed, T& place) {
    if (!parsed)
      return "is malformed: " + detail(parsed.error()).what;
    place = std::move(*parsed);
    return std::nullopt;
  }

  settings& values_;
  std::string_view text_;
};

// -- what is allowed ---------------------------------------------------------------

struct allowed_printer {
  std::string operator()(const boolean_setting&) const { return "true or false"; }

  std::string operator()(const integer_setting& x) const {
    return "a whole number from " + std::to_string(x.min) + " to " + std::to_string(x.max);
  }

  std::string operator()(const number_setting& x) const {
    return "a number from " + number_text(x.min) + " to " + number_text(x.max);
  }

  std::string operator()(const duration_setting& x) const {
    return "a duration from " + to_duration_text(x.min) + " to " + to_duration_text(x.max);
  }

  std::string operator()(const choice_setting& x) const {
    std::string result = "one of";
    for (auto choice : x.choices)
      result += (result == "one of" ? " " : ", ") + std::string{choice};
    return result;
  }

  std::string operator()(const text_setting& x) const { return std::string{x.allowed}; }

  std::string operator()(const database_url_setting&) const {
    return "postgresql://user:password@host:port/dbname, also postgres:// and "
           "postgresql+asyncpg://";
  }

  std::string operator()(const redis_url_setting&) const {
    return "redis://user:password@host:port/db, or rediss:// for TLS";
  }
};

// -- rendering ---------------------------------------------------------------------

class value_reader {
public:
  // The members of the table are functions of a mutable struct; this one is a copy.
  value_reader(const setting_descriptor& row, const settings& values)
      : values_(values), place_(row, values_) {}

  field::value_type operator()(const boolean_setting& x) { return x.member(values_); }

  field::value_type operator()(const integer_setting& x) {
    return std::visit([this](auto member) { return int64_t{member(values_)}; }, x.member);
  }

  field::value_type operator()(const number_setting& x) { return x.member(values_); }

  field::value_type operator()(const duration_setting& x) {
    constexpr int64_t second = 1'000'000'000;
    auto count = x.member(values_).count();
    if (count % second == 0)
      return count / second;
    return static_cast<double>(count) / static_cast<double>(second);
  }

  field::value_type operator()(const choice_setting& x) { return x.member(values_); }

  field::value_type operator()(const text_setting& x) { return x.member(values_); }

  field::value_type operator()(const database_url_setting& x) {
    return std::string{x.member(values_).hosts.empty() ? "" : "***"};
  }

  field::value_type operator()(const redis_url_setting& x) {
    return std::string{x.member(values_).address.host.empty() ? "" : "***"};
  }

  caf::timespan duration(const duration_setting& x) { return x.member(values_); }

private:
  settings values_;
  in_its_place place_;
};

} // namespace

std::optional<std::string> assign_setting(const setting_descriptor& row, settings& values,
                                          std::string_view text) {
  in_its_place place{row, values};
  return std::visit(reader{values, text}, row.type);
}

std::string allowed_values(const setting_descriptor& row) {
  return std::visit(allowed_printer{}, row.type);
}

field::value_type setting_value(const setting_descriptor& row, const settings& values) {
  return std::visit(value_reader{row, values}, row.type);
}

std::string setting_text(const setting_descriptor& row, const settings& values) {
  if (auto* time = std::get_if<duration_setting>(&row.type))
    return to_duration_text(value_reader{row, values}.duration(*time));
  return to_string(setting_value(row, values));
}

} // namespace dbs
