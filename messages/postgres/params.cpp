#include "dbs/messages/postgres/params.hpp"

#include "dbs/messages/error_detail.hpp"

namespace dbs {

void pg_params::add_null() {
  if (offsets_.size() < max_count)
    offsets_.push_back(null_offset);
  else
    refuse("is one parameter more than PostgreSQL takes");
}

void pg_params::add_text(std::string_view text) {
  auto start = text_.size();
  if (text.size() < max_bytes)
    text_ += text;
  finish(start, text.size() < max_bytes ? nullptr : "is too large");
}

void pg_params::finish(size_t start, pg_problem problem) {
  if (problem == nullptr) {
    if (offsets_.size() >= max_count)
      problem = "is one parameter more than PostgreSQL takes";
    else if (text_.size() >= max_bytes)
      problem = "is too large";
    else if (text_.find('\0', start) != std::string::npos)
      problem = "contains a zero byte";
  }
  if (problem != nullptr) {
    refuse(problem);
    text_.resize(start);
    if (offsets_.size() < max_count)
      offsets_.push_back(null_offset);
    return;
  }
  text_ += '\0';
  offsets_.push_back(static_cast<uint32_t>(start));
}

void pg_params::refuse(std::string_view problem) {
  if (error_.empty())
    error_.append("$").append(std::to_string(offsets_.size() + 1)).append(" ").append(problem);
}

bool pg_params::consistent() const noexcept {
  if (offsets_.size() > max_count || text_.size() > max_bytes)
    return false;
  size_t position = 0;
  for (auto offset : offsets_) {
    if (offset == null_offset)
      continue;
    if (offset != position)
      return false;
    auto end = text_.find('\0', position);
    if (end == std::string::npos)
      return false;
    position = end + 1;
  }
  return position == text_.size();
}

caf::error pg_params::inconsistent() {
  return fail(errc::protocol_error, "the parameters of a statement arrived in a broken encoding");
}

} // namespace dbs
