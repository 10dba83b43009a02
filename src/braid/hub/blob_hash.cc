#include "braid/hub/blob_hash.h"

#include <openssl/evp.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <memory>
#include <system_error>
#include <vector>

namespace braid {
namespace {

// git's blob hash is SHA-1 over "blob BYTES", a NUL and the contents.
Result<std::string> hash_file(const std::string& path, const EVP_MD* algorithm, const std::string& prefix) {
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
  std::ifstream stream(path, std::ios::binary);
  if (!stream) return fail("{} cannot be read", path);
  bool is_good = context != nullptr && EVP_DigestInit_ex(context.get(), algorithm, nullptr) == 1 &&
                 EVP_DigestUpdate(context.get(), prefix.data(), prefix.size()) == 1;
  constexpr size_t kChunkBytes = size_t{1} << 20;
  std::vector<char> chunk(kChunkBytes);
  while (is_good && stream) {
    stream.read(chunk.data(), static_cast<std::streamsize>(chunk.size()));
    is_good = EVP_DigestUpdate(context.get(), chunk.data(), static_cast<size_t>(stream.gcount())) == 1;
  }
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest = {};
  unsigned int size = 0;
  if (!is_good || stream.bad() || EVP_DigestFinal_ex(context.get(), digest.data(), &size) != 1) {
    return fail("{}: its hash cannot be computed", path);
  }
  std::string text;
  for (unsigned int i = 0; i < size; ++i) text += fmt::format("{:02x}", digest[i]);
  return text;
}

}  // namespace

Status check_contents(const std::string& path, const HubFile& file) {
  std::error_code error;
  const auto bytes = static_cast<int64_t>(std::filesystem::file_size(path, error));
  if (error) return fail("{}: {}", path, error.message());
  if (file.bytes && *file.bytes != bytes) return fail("it has {} bytes, the hub says {}", bytes, *file.bytes);
  const bool is_sha256 = !file.sha256.empty();
  TRY(const std::string hash,
      hash_file(path, is_sha256 ? EVP_sha256() : EVP_sha1(), is_sha256 ? "" : fmt::format("blob {}", bytes) + '\0'));
  if (hash != file.hash())
    return fail("its {} is {}, the hub says {}", is_sha256 ? "SHA-256" : "git hash", hash, file.hash());
  return {};
}

}  // namespace braid
