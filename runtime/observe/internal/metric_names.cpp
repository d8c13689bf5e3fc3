#include "dbs/runtime/observe/internal/metric_names.hpp"

#include "dbs/messages/error_detail.hpp"
#include "dbs/messages/utf8.hpp"

#include <algorithm>

namespace dbs::observe::internal {

namespace {

bool is_lower(char c) {
  return c >= 'a' && c <= 'z';
}

bool is_lower_or_digit(char c) {
  return is_lower(c) || (c >= '0' && c <= '9');
}

/// How many words a name of the form word_word_word has; 0 if it is not of that
/// form.
size_t count_words(std::string_view name) {
  size_t words = 0;
  bool at_start = true;
  for (auto c : name) {
    if (c == '_') {
      if (at_start)
        return 0;
      at_start = true;
    } else if (!is_lower_or_digit(c) || (words == 0 && !is_lower(c))) {
      return 0;
    } else if (at_start) {
      ++words;
      at_start = false;
    }
  }
  return at_start ? 0 : words;
}

caf::error refuse(const std::string& name, std::string why) {
  auto shown = to_utf8(name.substr(0, registry::max_name_bytes));
  return fail(errc::invalid_argument, "metric '" + shown + "' " + std::move(why));
}

caf::error check_name(metric_kind kind, const std::string& name) {
  if (name.size() > registry::max_name_bytes)
    return refuse(name, "has a name of more than 128 bytes");
  auto words = count_words(name);
  if (!name.starts_with("dbs_") || words < (kind == metric_kind::gauge ? 3 : 4))
    return refuse(name, "is not named dbs_<component>_<what>_<unit>");
  if ((kind == metric_kind::counter) != name.ends_with("_total"))
    return refuse(name, "must end with _total if, and only if, it is a counter");
  if (kind == metric_kind::histogram && !name.ends_with("_seconds"))
    return refuse(name, "is a histogram, so its name must end with _seconds");
  return {};
}

caf::error check_labels(const std::string& name, const labels& label_set) {
  if (label_set.size() > registry::max_labels)
    return refuse(name, "has more than 4 labels");
  for (auto i = label_set.begin(); i != label_set.end(); ++i) {
    auto& key = i->first;
    auto& value = i->second;
    // Prometheus gives `le` to histograms.
    if (count_words(key) == 0 || key == "le" || key.size() > registry::max_label_bytes)
      return refuse(name, "has the bad label name '" + to_utf8(key.substr(0, 128)) + "'");
    if (std::any_of(label_set.begin(), i, [&key](auto& other) { return other.first == key; }))
      return refuse(name, "has the label '" + key + "' twice");
    if (value.size() > registry::max_label_bytes || !is_utf8(value))
      return refuse(name, "has a value for the label '" + key +
                              "' that is not UTF-8 of at most 128 bytes");
  }
  return {};
}

} // namespace

std::string_view to_string(metric_kind kind) {
  switch (kind) {
  case metric_kind::counter:
    return "counter";
  case metric_kind::gauge:
    return "gauge";
  case metric_kind::histogram:
    return "histogram";
  }
  return "untyped";
}

caf::error check_metric(metric_kind kind, const std::string& name, const std::string& help,
                        const labels& label_set) {
  if (auto err = check_name(kind, name))
    return err;
  if (help.empty() || help.size() > 1024 || !is_utf8(help))
    return refuse(name, "needs a help text in UTF-8 of at most 1024 bytes");
  return check_labels(name, label_set);
}

} // namespace dbs::observe::internal
