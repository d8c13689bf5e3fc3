// A figure: ours against a named peer, in the same run.
//
// Rounds of both are interleaved, so that a machine that gets slower meets both;
// what counts is the ratio of the medians. Each figure runs in a process of its
// own, which starts its own servers, so that figures do not disturb one another.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace dbs::bench {

/// Where the program, its servers and its peers run.
enum class placement : uint8_t {
  /// Wherever the kernel puts them.
  free,
  /// All on one core: no waking of other cores, so that figures repeat.
  one_core,
};

/// Set up once, then asked for both values in turn, round by round.
class contest {
public:
  virtual ~contest() = default;
  virtual double ours() = 0;
  /// Figures without a peer have an absolute target.
  virtual double peer() { return 0; }
};

struct figure {
  std::string name;
  /// What `ours` and `peer` are measured in.
  std::string unit;
  placement where = placement::free;
  /// Empty for figures with an absolute target.
  std::string peer_name;
  /// Of the ratio ours / peer; of ours where there is no peer; of the difference
  /// ours - peer where it begins with "adds". Such as ">= 0.85"; empty for none.
  std::string target;
  std::function<std::unique_ptr<contest>()> make;
  int rounds = 5;
};

/// All figures, in the order in which they are shown.
std::vector<figure> all_figures();

// The parts of `all_figures`, one per file in figures/.
std::vector<figure> actor_figures();
std::vector<figure> database_figures();
std::vector<figure> node_figures();

/// Runs one figure in this process and prints its result as a line of JSON.
int run_figure(const figure& what);

/// Runs figures, each in a child process, prints a line each and writes all
/// results to `results_file`. Returns 0 if every figure was measured: a target that
/// is missed is reported, not an error.
int run_figures(const std::vector<figure>& figures, const std::string& results_file);

/// True if `value` fulfils a target such as ">= 0.85" or "<= 60".
bool fulfils(const std::string& target, double value);

} // namespace dbs::bench
