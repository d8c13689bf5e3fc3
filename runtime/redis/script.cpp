#include "dbs/runtime/redis/script.hpp"

#include <openssl/evp.h>

#include <new>

namespace dbs {

namespace {

std::string sha1_of(std::string_view text) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  if (EVP_Digest(text.data(), text.size(), digest, &size, EVP_sha1(), nullptr) != 1)
    throw std::bad_alloc();
  constexpr std::string_view digits = "0123456789abcdef";
  std::string result;
  for (unsigned int i = 0; i < size; ++i) {
    result += digits[digest[i] >> 4];
    result += digits[digest[i] & 0xf];
  }
  return result;
}

} // namespace

redis_script::redis_script(std::string_view source, effect what)
    : source_(source), sha1_(sha1_of(source)), effect_(what) {}

redis_command redis_script::call(std::span<const std::string_view> keys) const {
  redis_command result{effect_ == effect::reads ? "EVALSHA_RO" : "EVALSHA"};
  result.add(sha1_).add(keys.size());
  for (auto key : keys)
    result.add(key);
  return result.with_source(source_);
}

} // namespace dbs
