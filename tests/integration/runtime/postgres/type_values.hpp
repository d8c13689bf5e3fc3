// Values of every type of types.hpp, random ones and edges, and what they are in the
// server's own binary format.
#pragma once

#include "dbs/messages/postgres/types.hpp"

#include <chrono>
#include <concepts>
#include <cstdint>
#include <limits>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace dbs::tests {

using pg_time = std::chrono::sys_time<std::chrono::nanoseconds>;
using pg_long_time = std::chrono::sys_time<std::chrono::microseconds>;
using random_source = std::mt19937_64;

// -- images: what the server's send functions give, in hexadecimal -----------------

std::string hex(std::string_view bytes);

template <std::integral T>
std::string image(T x) {
  std::string bytes;
  for (auto shift = static_cast<int>(sizeof(T)) * 8 - 8; shift >= 0; shift -= 8)
    bytes += static_cast<char>(static_cast<uint64_t>(x) >> shift & 0xff);
  return hex(bytes);
}

std::string image(bool x);
std::string image(float x);
std::string image(double x);
std::string image(const std::string& x);
std::string image(const blob& x);
std::string image(const pg_time& x);
std::string image(const pg_long_time& x);
std::string image(const pg_interval& x);
std::string image(const uuid& x);
/// Of the text.
std::string image(const pg_numeric& x);
std::string image(const pg_json& x);

// -- random values -----------------------------------------------------------------

bool any_bool(random_source& random);

template <class T>
T any_bits(random_source& random) {
  return static_cast<T>(random());
}

float any_float(random_source& random);
double any_double(random_source& random);
std::string any_text(random_source& random);
blob any_bytes(random_source& random);
pg_time any_time(random_source& random);
/// Of the server's whole range as far as the type has it.
pg_long_time any_long_time(random_source& random);
pg_interval any_interval(random_source& random);
uuid any_uuid(random_source& random);
pg_numeric any_numeric(random_source& random);
/// As jsonb prints it.
pg_json any_json(random_source& random);

// -- edges -------------------------------------------------------------------------

template <class T>
std::vector<T> integers() {
  using limits = std::numeric_limits<T>;
  return {limits::min(), limits::max(), T{0}, T{-1}, T{1}};
}

std::vector<float> floats();
std::vector<double> doubles();
std::vector<pg_time> times();
std::vector<pg_long_time> long_times();
std::vector<pg_interval> intervals();
std::vector<pg_numeric> numerics();
std::vector<std::string> texts();

} // namespace dbs::tests
