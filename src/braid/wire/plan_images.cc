#include "braid/wire/plan_images.h"

#include <algorithm>
#include <tuple>

#include "braid/base/check.h"
#include "braid/wire/flat_parts.h"
#include "braid/wire/plan_images_generated.h"

namespace braid {
namespace {

namespace images_format = plan_images_format;

constexpr int32_t kMaxFeatureLayers = 64;
constexpr int64_t kMaxCarried = int64_t{1} << 20;

images_format::Key encode_key(const ImageKey& key) {
  return images_format::Key(flatbuffers::span<const uint8_t, std::tuple_size_v<ImageKey>>(key.data(), key.size()));
}

ImageKey decode_key(const images_format::Key& from) {
  ImageKey key;
  std::copy_n(from.bytes()->data(), key.size(), key.begin());
  return key;
}

Result<CarriedImage> decode_image(const images_format::Image& from, int32_t hidden, int64_t max_tokens) {
  if (from.key() == nullptr) return fail("an image without a key");
  const FeatureShape shape{.layers = from.layers(), .tokens = from.tokens(), .hidden = from.hidden()};
  if (shape.layers < 1 || shape.layers > kMaxFeatureLayers || shape.tokens < 1 || shape.tokens > max_tokens ||
      shape.hidden != hidden) {
    return fail("features [{}, {}, {}]: must be at most [{}, {}, {}]", shape.layers, shape.tokens, shape.hidden,
                kMaxFeatureLayers, max_tokens, hidden);
  }
  CarriedImage image{.key = decode_key(*from.key()), .shape = shape};
  if (from.pid() != 0) {
    image.segment = {.pid = from.pid(), .fd = from.fd(), .bytes = shape.bytes()};
    return image;
  }
  const int64_t num_bytes = from.features() == nullptr ? 0 : from.features()->size();
  if (num_bytes != shape.bytes()) return fail("features of {} bytes: must be {}", num_bytes, shape.bytes());
  image.features = std::as_bytes(std::span(from.features()->data(), from.features()->size()));
  return image;
}

Result<ImageToMake> decode_making(const images_format::Making& from) {
  if (from.key() == nullptr) return fail("an image without a key");
  if (from.bytes() == nullptr) return fail("an image to make without bytes");
  if (from.maker() < ImageToMake::kEveryProcess) return fail("process {} is to make an image", from.maker());
  return ImageToMake{.key = decode_key(*from.key()),
                     .maker = from.maker(),
                     .bytes = {reinterpret_cast<const char*>(from.bytes()->data()), from.bytes()->size()}};
}

}  // namespace

std::vector<std::byte> encode(const PlanImages& images) {
  size_t expected = 256;
  for (const CarriedImage& image : images.images) expected += 128 + image.features.size();
  for (const ImageToMake& image : images.to_make) expected += 128 + image.bytes.size();
  flat::Builder builder(expected);
  std::vector<flat::Offset<images_format::Image>> encoded;
  for (const CarriedImage& image : images.images) {
    builder.ForceVectorAlignment(image.features.size(), sizeof(uint8_t), alignof(uint64_t));
    const auto features_at =
        builder.CreateVector(reinterpret_cast<const uint8_t*>(image.features.data()), image.features.size());
    const images_format::Key key = encode_key(image.key);
    encoded.push_back(images_format::CreateImage(builder, &key, image.shape.layers, image.shape.tokens,
                                                 image.shape.hidden, image.segment.pid, image.segment.fd, features_at));
  }
  const auto images_at = flat::add_list(builder, encoded);
  std::vector<flat::Offset<images_format::Making>> makings;
  for (const ImageToMake& image : images.to_make) {
    const auto bytes_at =
        builder.CreateVector(reinterpret_cast<const uint8_t*>(image.bytes.data()), image.bytes.size());
    const images_format::Key key = encode_key(image.key);
    makings.push_back(images_format::CreateMaking(builder, &key, image.maker, bytes_at));
  }
  const auto makings_at = flat::add_list(builder, makings);
  std::vector<images_format::Key> keys;
  for (const ImageKey& key : images.dropped) keys.push_back(encode_key(key));
  const auto dropped_at = builder.CreateVectorOfStructs(keys);
  builder.Finish(
      images_format::CreateImages(builder, images_at, dropped_at, makings_at, static_cast<uint8_t>(images.strategy),
                                  images.next_bytes, images.num_joint),
      images_format::ImagesIdentifier());
  const auto* const begin = reinterpret_cast<const std::byte*>(builder.GetBufferPointer());
  return {begin, begin + builder.GetSize()};
}

Result<PlanImages> decode_plan_images(std::span<const std::byte> bytes, int32_t hidden, int64_t max_tokens) {
  // Its features stay where they are, so the bytes must be aligned already.
  CHECK(reinterpret_cast<uintptr_t>(bytes.data()) % alignof(uint64_t) == 0);
  flatbuffers::Verifier verifier(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size(), 8, kMaxCarried);
  if (!images_format::VerifyImagesBuffer(verifier)) return fail("{} bytes that are no images", bytes.size());
  const images_format::Images* const from = images_format::GetImages(bytes.data());
  if (from->strategy() >= kNumMmStrategies) return fail("images by a strategy {}", from->strategy());
  if (from->next_bytes() < 0) return fail("images of {} bytes follow", from->next_bytes());
  PlanImages images{.strategy = static_cast<MmStrategy>(from->strategy()),
                    .next_bytes = from->next_bytes(),
                    .num_joint = from->num_joint()};
  if (from->images() != nullptr) {
    for (const images_format::Image* image : *from->images()) {
      TRY(CarriedImage decoded, decode_image(*image, hidden, max_tokens));
      images.images.push_back(decoded);
    }
  }
  if (from->to_make() != nullptr) {
    for (const images_format::Making* making : *from->to_make()) {
      TRY(const ImageToMake decoded, decode_making(*making));
      images.to_make.push_back(decoded);
    }
  }
  if (from->dropped() != nullptr) {
    for (const images_format::Key* key : *from->dropped()) images.dropped.push_back(decode_key(*key));
  }
  return images;
}

}  // namespace braid
