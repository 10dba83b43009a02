#include "braid/weights/pack_cache/digest.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include "braid/base/check.h"

namespace braid {

struct Sha256::Context {
  EVP_MD_CTX* evp = EVP_MD_CTX_new();
};

// OpenSSL fails here only without memory, or if it is configured without SHA-256.
Sha256::Sha256() : context_(std::make_unique<Context>()) {
  CHECK(context_->evp != nullptr && EVP_DigestInit_ex(context_->evp, EVP_sha256(), nullptr) == 1,
        "OpenSSL has no SHA-256");
}

Sha256::~Sha256() {
  EVP_MD_CTX_free(context_->evp);
}

void Sha256::add(std::span<const std::byte> bytes) {
  CHECK(EVP_DigestUpdate(context_->evp, bytes.data(), bytes.size()) == 1, "OpenSSL's SHA-256");
}

Digest Sha256::digest() {
  Digest digest = {};
  CHECK(EVP_DigestFinal_ex(context_->evp, reinterpret_cast<unsigned char*>(digest.data()), nullptr) == 1,
        "OpenSSL's SHA-256");
  return digest;
}

Digest digest_of(std::string_view text) {
  Sha256 hash;
  hash.add(std::as_bytes(std::span(text)));
  return hash.digest();
}

std::string to_hex(const Digest& digest) {
  std::string text;
  for (const std::byte byte : std::as_bytes(std::span(digest))) text += fmt::format("{:02x}", static_cast<int>(byte));
  return text;
}

}  // namespace braid
