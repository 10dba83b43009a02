#include "braid/multimodal/image_key.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <memory>
#include <string>

#include "braid/base/check.h"

namespace braid {
namespace {

// One line, so that no two configurations share it. Its length is fixed by the NUL that ends it. A change of what braid
// computes from the same settings needs another number in front.
std::string settings_of(const ImageProcessorConfig& config) {
  const PatchShape& shape = config.shape;
  const PixelNormalisation& n = config.normalisation;
  std::string text =
      fmt::format("braid image 1 {} {} {} {} {} {} {} {} {} {:a} {}", static_cast<int>(config.kind), shape.patch_size,
                  shape.temporal_patch_size, shape.merge_size, shape.image_size, static_cast<int>(config.filter),
                  config.min_pixels, config.max_pixels, n.rescales, n.rescale_factor, n.normalises);
  for (const double value : n.mean) text += fmt::format(" {:a}", value);
  for (const double value : n.stddev) text += fmt::format(" {:a}", value);
  return text + '\0';
}

}  // namespace

ImageKey image_key(std::span<const uint8_t> bytes, const ImageProcessorConfig& config) {
  const std::string settings = settings_of(config);
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
  ImageKey key = {};
  unsigned int size = 0;
  const bool is_good = context != nullptr && EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr) == 1 &&
                       EVP_DigestUpdate(context.get(), settings.data(), settings.size()) == 1 &&
                       EVP_DigestUpdate(context.get(), bytes.data(), bytes.size()) == 1 &&
                       EVP_DigestFinal_ex(context.get(), key.data(), &size) == 1;
  CHECK(is_good && size == key.size(), "SHA-256 cannot be computed");
  return key;
}

}  // namespace braid
