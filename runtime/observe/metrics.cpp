#include "dbs/runtime/observe/metrics.hpp"

#include "dbs/messages/error_detail.hpp"
#include "dbs/runtime/observe/internal/metric_names.hpp"

#include <unistd.h>

#include <map>
#include <mutex>

namespace dbs::observe {

// -- instruments -----------------------------------------------------------------

uint64_t counter::value() const noexcept {
  uint64_t result = 0;
  for (auto& x : shards_)
    result += x.value.load(std::memory_order_relaxed);
  return result;
}

size_t counter::hash_of_thread() noexcept {
  // Linux numbers threads in the order of their creation, so threads that were
  // started together get different shards; a hash of std::thread::id would put
  // two of four threads on the same one every third time.
  return static_cast<size_t>(::gettid());
}

struct gauge_callback::slot {
  std::mutex mutex;
  std::function<double()> read;
};

gauge_callback& gauge_callback::operator=(gauge_callback&& other) noexcept {
  if (this != &other) {
    reset();
    slot_ = std::move(other.slot_);
  }
  return *this;
}

void gauge_callback::reset() noexcept {
  if (auto ptr = std::exchange(slot_, nullptr)) {
    std::lock_guard guard{ptr->mutex};
    ptr->read = nullptr;
  }
}

// -- registry --------------------------------------------------------------------

namespace {

using callback_ptr = std::shared_ptr<gauge_callback::slot>;

/// A series. The instruments are shared with a scrape that is under way.
using instrument = std::variant<std::shared_ptr<counter>, std::shared_ptr<gauge>,
                                std::shared_ptr<histogram>, callback_ptr>;

using label_values = std::vector<std::string>;

struct family {
  metric_kind kind = metric_kind::counter;
  std::string help;
  std::vector<std::string> label_names;
  std::map<label_values, instrument> series;
};

std::vector<std::string> names_of(const labels& label_set) {
  std::vector<std::string> result;
  for (auto& [name, value] : label_set)
    result.push_back(name);
  return result;
}

label_values values_of(const labels& label_set) {
  label_values result;
  for (auto& [name, value] : label_set)
    result.push_back(value);
  return result;
}

struct reader {
  using value_type = std::variant<uint64_t, double, histogram_snapshot>;

  std::optional<value_type> operator()(const std::shared_ptr<counter>& x) const {
    return x->value();
  }
  std::optional<value_type> operator()(const std::shared_ptr<gauge>& x) const { return x->value(); }
  std::optional<value_type> operator()(const std::shared_ptr<histogram>& x) const {
    return x->snapshot();
  }
  std::optional<value_type> operator()(const callback_ptr& x) const {
    std::lock_guard guard{x->mutex};
    if (!x->read)
      return std::nullopt;
    return x->read();
  }
};

} // namespace

struct registry::impl {
  registry_options options;
  mutable std::mutex mutex;
  std::map<std::string, family> families;

  /// The family of that name, made if need be. The caller holds the mutex.
  caf::expected<family*> find_family(metric_kind kind, const std::string& name,
                                     const std::string& help, const labels& label_set) {
    if (auto err = internal::check_metric(kind, name, help, label_set))
      return err;
    auto i = families.find(name);
    if (i == families.end()) {
      if (families.size() >= options.max_families)
        return fail(errc::overloaded, "there are too many metrics to add '" + name + "'",
                    {{"max_families", static_cast<int64_t>(options.max_families)}});
      i = families.emplace(name, family{kind, help, names_of(label_set), {}}).first;
    } else {
      auto& known = i->second;
      if (known.kind != kind)
        return fail(errc::invalid_argument, "metric '" + name + "' is registered as a " +
                                                std::string{internal::to_string(known.kind)});
      if (known.label_names != names_of(label_set) || known.help != help)
        return fail(errc::invalid_argument,
                    "metric '" + name + "' is registered with other labels or other help");
    }
    return &i->second;
  }

  template <class T>
  caf::expected<T*> add(metric_kind kind, const std::string& name, const std::string& help,
                        const labels& label_set) {
    std::lock_guard guard{mutex};
    auto found = find_family(kind, name, help, label_set);
    if (!found)
      return std::move(found.error());
    auto& series = (*found)->series;
    auto values = values_of(label_set);
    auto i = series.find(values);
    if (i == series.end()) {
      if (series.size() >= options.max_series)
        values.assign(values.size(), "overflow");
      i = series.try_emplace(std::move(values), instrument{}).first;
      if (i->second.index() == 0 && !std::get<0>(i->second))
        i->second = std::make_shared<T>();
    }
    if (auto* ptr = std::get_if<std::shared_ptr<T>>(&i->second))
      return ptr->get();
    return fail(errc::invalid_argument, "metric '" + name + "' has a callback for these labels");
  }
};

registry::registry(registry_options options) : impl_(std::make_unique<impl>()) {
  impl_->options = options;
}

registry::~registry() = default;

caf::expected<counter*> registry::add_counter(const std::string& name, const std::string& help,
                                              const labels& label_set) {
  return impl_->add<counter>(metric_kind::counter, name, help, label_set);
}

caf::expected<gauge*> registry::add_gauge(const std::string& name, const std::string& help,
                                          const labels& label_set) {
  return impl_->add<gauge>(metric_kind::gauge, name, help, label_set);
}

caf::expected<histogram*> registry::add_histogram(const std::string& name, const std::string& help,
                                                  const labels& label_set) {
  return impl_->add<histogram>(metric_kind::histogram, name, help, label_set);
}

caf::expected<gauge_callback> registry::add_gauge_callback(const std::string& name,
                                                           const std::string& help,
                                                           const labels& label_set,
                                                           std::function<double()> read) {
  std::lock_guard guard{impl_->mutex};
  auto found = impl_->find_family(metric_kind::gauge, name, help, label_set);
  if (!found)
    return std::move(found.error());
  auto& series = (*found)->series;
  auto values = values_of(label_set);
  auto i = series.find(values);
  if (i != series.end() && !std::holds_alternative<callback_ptr>(i->second))
    return fail(errc::invalid_argument, "metric '" + name + "' is a plain gauge for these labels");
  if (i == series.end() && series.size() >= impl_->options.max_series)
    return fail(errc::overloaded, "metric '" + name + "' has too many series for another callback",
                {{"max_series", static_cast<int64_t>(impl_->options.max_series)}});
  auto slot = std::make_shared<gauge_callback::slot>();
  slot->read = std::move(read);
  series.insert_or_assign(std::move(values), slot);
  return gauge_callback{std::move(slot)};
}

std::vector<family_snapshot> registry::collect() const {
  std::map<std::string, family> copy;
  {
    std::lock_guard guard{impl_->mutex};
    copy = impl_->families;
  }
  std::vector<family_snapshot> result;
  result.reserve(copy.size());
  for (auto& [name, source] : copy) {
    family_snapshot target{name, source.help, source.kind, {}};
    for (auto& [values, what] : source.series) {
      auto value = std::visit(reader{}, what);
      if (!value)
        continue;
      labels label_set;
      for (size_t i = 0; i < values.size(); ++i)
        label_set.emplace_back(source.label_names[i], values[i]);
      target.series.push_back({std::move(label_set), std::move(*value)});
    }
    if (!target.series.empty())
      result.push_back(std::move(target));
  }
  return result;
}

} // namespace dbs::observe
