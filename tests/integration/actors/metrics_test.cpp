// docs/metrics.md and a running node say the same.
#include "integration/apps/embedded_node.hpp"

#include "dbs/testing/eventually.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>

using namespace dbs;
using namespace dbs::tests;

namespace {

struct family {
  std::string type;
  std::set<std::string> labels;

  friend bool operator==(const family&, const family&) = default;
};

using families = std::map<std::string, family>;

/// The code spans of a line of Markdown: what stands between backticks.
std::vector<std::string> code_spans(const std::string& text) {
  std::vector<std::string> result;
  std::istringstream in{text};
  std::string part;
  for (bool inside = false; std::getline(in, part, '`'); inside = !inside)
    if (inside)
      result.push_back(part);
  return result;
}

/// Reads "| `name` | type | `label`, `label` | what |" rows.
families read_document() {
  auto root = std::filesystem::path{__FILE__}.parent_path() / "../../..";
  std::ifstream in{root / "docs/metrics.md"};
  REQUIRE(in.is_open());
  families result;
  for (std::string line; std::getline(in, line);) {
    if (!line.starts_with("| `dbs_"))
      continue;
    std::istringstream row{line};
    std::vector<std::string> cells;
    for (std::string cell; std::getline(row, cell, '|');)
      cells.push_back(cell);
    auto labels = code_spans(cells.at(3));
    auto type = cells.at(2);
    std::erase(type, ' ');
    result[code_spans(cells.at(1)).at(0)] = {type, {labels.begin(), labels.end()}};
  }
  return result;
}

/// The names of labels in "name{a="1",b="2"} 3".
std::set<std::string> labels_of(const std::string& line) {
  std::set<std::string> result;
  auto end = line.rfind('}');
  for (auto from = line.find('{'); from < end;) {
    auto equals = line.find('=', from);
    if (equals > end)
      break;
    result.insert(line.substr(from + 1, equals - from - 1));
    from = line.find(',', line.find('"', equals + 2));
  }
  result.erase("le"); // Prometheus' own, of histograms
  return result;
}

/// Reads what is ours in Prometheus' text format.
families read_metrics(const std::string& text) {
  families result;
  std::istringstream in{text};
  std::string current;
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("# TYPE dbs_")) {
      std::istringstream words{line.substr(7)};
      std::string type;
      words >> current >> type;
      result[current].type = type;
    } else if (line.starts_with("dbs_")) {
      result[current].labels.merge(labels_of(line));
    }
  }
  return result;
}

} // namespace

TEST_CASE_METHOD(embedded_node, "the metrics of a running node are those in docs/metrics.md") {
  start_and_wait();
  // The pool brings its counters up to date every second.
  outcome answer;
  REQUIRE(testing::eventually([&] {
    answer =
        run("curl -fsS http://127.0.0.1:" + std::to_string(services->http_port()) + "/metrics");
    return answer.says("dbs_postgres_pool_events_total");
  }));
  auto documented = read_document();
  auto running = read_metrics(answer.output);
  CHECK(documented.size() > 20);
  for (auto& [name, what] : running) {
    INFO(name << " is " << what.type);
    REQUIRE(documented.contains(name));
    CHECK(documented[name].type == what.type);
    CHECK(documented[name].labels == what.labels);
  }
  for (auto& [name, what] : documented) {
    INFO(name << " is documented");
    CHECK(running.contains(name));
  }
}
