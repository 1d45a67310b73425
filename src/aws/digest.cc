#include "aws/digest.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include "base/check.h"

namespace tailrace::aws {
namespace {

// OpenSSL 3 looks an algorithm up at each use unless it is fetched beforehand; for digests of this
// size the look-up would be most of the cost.
const EVP_MD* sha256_algorithm() {
  static EVP_MD* const algorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  return algorithm;
}

struct Hmac {
  EVP_MAC* algorithm = EVP_MAC_fetch(nullptr, "HMAC", nullptr);
  EVP_MAC_CTX* context = EVP_MAC_CTX_new(algorithm);
  Hmac() {
    char name[] = "SHA256";
    const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name, 0),
                                 OSSL_PARAM_construct_end()};
    TAILRACE_CHECK(EVP_MAC_CTX_set_params(context, params) == 1);
  }
  Hmac(const Hmac&) = delete;
  Hmac& operator=(const Hmac&) = delete;
  ~Hmac() {
    EVP_MAC_CTX_free(context);
    EVP_MAC_free(algorithm);
  }
};

const unsigned char* raw(std::string_view bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

}  // namespace

Sha256 sha256(std::string_view bytes) {
  Sha256 digest;
  TAILRACE_CHECK(EVP_Digest(bytes.data(), bytes.size(), digest.data(), nullptr, sha256_algorithm(),
                            nullptr) == 1);
  return digest;
}

Sha256 hmac_sha256(std::string_view key, std::string_view bytes) {
  static thread_local Hmac hmac;
  // A null key would mean "the key of the last time".
  static const unsigned char empty = 0;
  Sha256 digest;
  std::size_t length = 0;
  TAILRACE_CHECK(EVP_MAC_init(hmac.context, key.empty() ? &empty : raw(key), key.size(), nullptr) ==
                     1 &&
                 EVP_MAC_update(hmac.context, raw(bytes), bytes.size()) == 1 &&
                 EVP_MAC_final(hmac.context, digest.data(), &length, digest.size()) == 1);
  return digest;
}

bool equal_in_constant_time(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace tailrace::aws
