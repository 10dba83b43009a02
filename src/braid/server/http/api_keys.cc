#include "braid/server/http/api_keys.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include "braid/server/http/ascii.h"

namespace braid::http {
namespace {

std::array<uint8_t, 32> sha256(std::string_view text) {
  std::array<uint8_t, 32> digest;
  SHA256(reinterpret_cast<const uint8_t*>(text.data()), text.size(), digest.data());
  return digest;
}

}  // namespace

ApiKeys::ApiKeys(std::span<const std::string> keys) {
  for (const std::string& key : keys) digests_.push_back(sha256(key));
}

bool ApiKeys::accepts(std::string_view key) const {
  const Digest presented = sha256(key);
  int num_equal = 0;
  for (const Digest& digest : digests_) {
    num_equal += CRYPTO_memcmp(digest.data(), presented.data(), digest.size()) == 0 ? 1 : 0;
  }
  return num_equal > 0;
}

std::string_view presented_key(const Request& request) {
  if (const auto authorization = request.header("Authorization")) {
    constexpr std::string_view kScheme = "Bearer ";
    if (equal_ignoring_case(authorization->substr(0, kScheme.size()), kScheme)) {
      return trim(authorization->substr(kScheme.size()));
    }
  }
  return request.header("X-Api-Key").value_or("");
}

}  // namespace braid::http
