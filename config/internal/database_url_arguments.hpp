// The arguments of DATABASE_URL: which there are, what each takes, and where it
// goes. The hosts are resolved elsewhere, they need all of theirs at once.
#pragma once

#include "dbs/config/settings.hpp"

#include <caf/error.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dbs::internal {

/// What the arguments say about the place, to be reconciled with the authority.
struct database_url_places {
  /// One element per occurrence, not yet split at commas.
  std::vector<std::string> hosts;
  std::vector<std::string> ports;
  std::optional<std::string> hostaddr;
  std::optional<std::string> user;
  std::optional<std::string> password;
  std::optional<std::string> dbname;
};

/// Takes the arguments of one URL, in order.
class database_url_reader {
public:
  database_url_reader(database_target& target, database_url_places& places)
      : target_(target), places_(places) {}

  /// Stores one argument. `name` is how messages call it.
  caf::error take(std::string_view key, const std::string& value, const std::string& name);

  /// To be called after the last one: what several arguments say together.
  void finish();

private:
  caf::error take_parameter(std::string_view keyword, const std::string& value,
                            const std::string& name);
  caf::error take_ssl(const std::string& value, const std::string& name);
  caf::error take_server_settings(std::string_view text, const std::string& name);

  database_target& target_;
  database_url_places& places_;
  std::vector<std::string> seen_;
  /// Whether a message has the list of all arguments already.
  bool listed_ = false;
  std::string options_;
};

} // namespace dbs::internal
