#include "record/hash_key.h"

#include <openssl/evp.h>

#include <algorithm>
#include <memory>

#include "base/check.h"

namespace tailrace {
namespace {

// OpenSSL 3 looks an algorithm up by name at each use unless it is fetched once.
struct Md5 {
  EVP_MD* algorithm = EVP_MD_fetch(nullptr, "MD5", nullptr);
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  ~Md5() {
    EVP_MD_CTX_free(context);
    EVP_MD_free(algorithm);
  }
};

}  // namespace

HashKey hash_key_of(std::string_view partition_key) {
  thread_local Md5 md5;
  unsigned char digest[16];
  TAILRACE_CHECK(md5.algorithm != nullptr &&
                 EVP_DigestInit_ex2(md5.context, md5.algorithm, nullptr) == 1 &&
                 EVP_DigestUpdate(md5.context, partition_key.data(), partition_key.size()) == 1 &&
                 EVP_DigestFinal_ex(md5.context, digest, nullptr) == 1);
  HashKey key;
  for (unsigned char byte : digest) key.value = (key.value << 8) | byte;
  return key;
}

std::string to_string(HashKey key) {
  std::string digits;
  do {
    digits.push_back(static_cast<char>('0' + static_cast<int>(key.value % 10)));
    key.value /= 10;
  } while (key.value != 0);
  std::reverse(digits.begin(), digits.end());
  return digits;
}

std::optional<HashKey> parse_hash_key(std::string_view decimal) {
  if (decimal.empty() || decimal.size() > 39 || (decimal.size() > 1 && decimal[0] == '0'))
    return std::nullopt;
  HashKey key;
  for (char digit : decimal) {
    if (digit < '0' || digit > '9') return std::nullopt;
    auto next = static_cast<unsigned __int128>(digit - '0');
    if (key.value > (hash_key_max.value - next) / 10) return std::nullopt;
    key.value = key.value * 10 + next;
  }
  return key;
}

}  // namespace tailrace
