#include "hit_ratio/traces.hpp"

#include "dbs/testing/servers/process.hpp"
#include "dbs/testing/servers/temporary_directory.hpp"

#include <chrono>
#include <sstream>
#include <stdexcept>
#include <string_view>

namespace dbs::bench {

namespace {

constexpr std::chrono::minutes unpack_limit{1};

std::string unpack(const std::filesystem::path& file) {
  auto program = file.extension() == ".gz" ? "gzip" : file.extension() == ".xz" ? "xz" : "cat";
  std::vector<std::string> arguments{file.string()};
  if (std::string_view{program} != "cat")
    arguments.insert(arguments.begin(), "-dc");
  testing::temporary_directory directory{"trace"};
  return testing::run_program({.program = testing::find_in_path(program),
                               .arguments = arguments,
                               .output = directory.path() / "trace"},
                              unpack_limit);
}

std::vector<uint64_t> numbers(const std::string& text) {
  std::vector<uint64_t> result;
  std::istringstream in{text};
  for (std::string line; std::getline(in, line);)
    if (!line.empty() && line[0] >= '0' && line[0] <= '9')
      result.push_back(std::stoull(line));
  return result;
}

std::vector<uint64_t> addresses(const std::string& text) {
  std::vector<uint64_t> result;
  std::istringstream in{text};
  for (std::string line; std::getline(in, line);) {
    std::istringstream words{line};
    std::string kind;
    std::string address;
    if (words >> kind >> address)
      result.push_back(std::stoull(address, nullptr, 16));
  }
  return result;
}

std::vector<uint64_t> big_endian(const std::string& bytes) {
  std::vector<uint64_t> result;
  for (size_t i = 0; i + 4 <= bytes.size(); i += 4) {
    uint64_t x = 0;
    for (size_t n = 0; n < 4; ++n)
      x = x << 8 | static_cast<unsigned char>(bytes[i + n]);
    result.push_back(x);
  }
  return result;
}

} // namespace

trace read_trace(const std::filesystem::path& file) {
  auto name = file.filename().string();
  trace result{name.substr(0, name.find('.')), {}};
  auto bytes = unpack(file);
  if (name.starts_with("lirs_"))
    result.accesses = numbers(bytes);
  else if (name.starts_with("cache2k_"))
    result.accesses = big_endian(bytes);
  else if (name.starts_with("address_"))
    result.accesses = addresses(bytes);
  if (result.accesses.empty())
    throw std::runtime_error("there is nothing in " + file.string() +
                             ", or its name does not say what");
  return result;
}

} // namespace dbs::bench
