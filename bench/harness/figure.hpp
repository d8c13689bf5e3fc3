// A figure: what we do against what a named peer does, in the same run.
//
// Rounds of both are interleaved, so that a machine that gets slower meets both;
// what counts is the ratio of the medians. Each figure runs in a process of its
// own, which starts its own servers, so that figures do not disturb one another.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

namespace dbs::bench {

/// Where the program, its servers and its peers run.
enum class placement : uint8_t {
  /// Wherever the kernel puts them.
  free,
  /// All on one core: no waking of other cores, so that figures repeat.
  one_core,
};

/// What one round has measured, in the figure's unit.
struct reading {
  double ours = 0;
  /// Empty for figures with an absolute target.
  std::optional<double> peer = {};
};

/// Set up once, then measured round by round.
class contest {
public:
  virtual ~contest() = default;

  /// Who goes first alternates from round to round.
  virtual reading round(bool peer_first) = 0;

  /// Further figures that explain the result, by name; asked after the last round.
  virtual std::map<std::string, double> details() const { return {}; }
};

/// Two sides that are measured one after the other.
class duel : public contest {
public:
  reading round(bool peer_first) final {
    reading result;
    if (peer_first)
      result.peer = peer();
    result.ours = ours();
    if (!peer_first)
      result.peer = peer();
    return result;
  }

protected:
  virtual double ours() = 0;
  virtual double peer() = 0;
};

struct figure {
  std::string name;
  /// What both sides are measured in.
  std::string unit;
  placement where = placement::free;
  /// Empty for figures with an absolute target.
  std::string peer_name;
  /// Of the ratio ours / peer, or of ours where there is no peer (see target.hpp);
  /// empty for none.
  std::string target;
  std::function<std::unique_ptr<contest>()> make;
  int rounds = 5;
};

/// For `figure::make`.
template <class Contest, class... Ts>
std::function<std::unique_ptr<contest>()> make(Ts... xs) {
  return [=] { return std::make_unique<Contest>(xs...); };
}

} // namespace dbs::bench
