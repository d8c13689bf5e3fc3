// Zipf-distributed numbers: a few keys are asked for often, most of them rarely.
#pragma once

#include <cmath>
#include <cstdint>
#include <random>

namespace dbs::demo {

/// Draws from 1..n with P(k) proportional to 1 / k^s, s = 0.99, in constant time.
///
/// Rejection-inversion sampling: W. Hörmann, G. Derflinger, "Rejection-inversion to
/// generate variates from monotone discrete distributions", ACM TOMACS 6(3), 1996.
class zipf {
public:
  explicit zipf(int32_t n)
      : n_(n), h_first_(h(1.5) - 1), h_last_(h(n + 0.5)), s_(2 - h_inverse(h(2.5) - power(2))) {}

  template <class Random>
  int32_t operator()(Random& random) {
    std::uniform_real_distribution<double> uniform{0, 1};
    for (;;) {
      auto u = h_last_ + uniform(random) * (h_first_ - h_last_);
      auto x = h_inverse(u);
      auto k = std::floor(x + 0.5);
      k = k < 1 ? 1 : (k > n_ ? n_ : k);
      if (k - x <= s_ || u >= h(k + 0.5) - power(k))
        return static_cast<int32_t>(k);
    }
  }

private:
  static constexpr double exponent = 0.99;

  static double power(double x) { return std::pow(x, -exponent); }
  static double h(double x) { return std::pow(x, 1 - exponent) / (1 - exponent); }
  static double h_inverse(double x) { return std::pow((1 - exponent) * x, 1 / (1 - exponent)); }

  double n_;
  double h_first_;
  double h_last_;
  double s_;
};

} // namespace dbs::demo
