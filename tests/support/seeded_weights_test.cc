#include "tests/support/seeded_weights.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <span>

#include "braid/tensor/float16.h"
namespace braid::testing {
namespace {

uint64_t fnv1a(std::span<const std::byte> bytes) {
  uint64_t hash = 0xCBF29CE484222325U;
  for (const std::byte byte : bytes) hash = (hash ^ static_cast<uint64_t>(byte)) * 0x100000001B3U;
  return hash;
}

// The numbers come from tools/seeded_weights.py.
TEST(SeededWeights, EqualThePythonGenerators) {
  const uint64_t key = seeded_key(7, "model.layers.0.mlp.up_proj.weight");
  EXPECT_EQ(key, 0xa937c1e9aaf5b89cU);
  EXPECT_EQ(std::bit_cast<uint32_t>(seeded_unit(key, 0) * 0.125F), 0x3cf47682U);
  EXPECT_EQ(std::bit_cast<uint32_t>(seeded_unit(key, 3) * 0.125F), 0x3d41764cU);
  const auto hash = [](const char* name, float scale, float offset, DType dtype) {
    return fnv1a(seeded_bytes(seeded_key(12345, name), 10007, scale, offset, dtype));
  };
  EXPECT_EQ(hash("w", 0.02F, 0, DType::kFloat32), 0x27f4cf83fb3062e2U);
  EXPECT_EQ(hash("norm", 0.1F, 1, DType::kFloat32), 0x35bf297861216bd6U);
  EXPECT_EQ(hash("w", 0.02F, 0, DType::kFloat16), 0x846c03e8c3f7b4bbU);
  EXPECT_EQ(hash("norm", 0.1F, 1, DType::kFloat16), 0xe9599be5d148b848U);
  EXPECT_EQ(hash("tiny", 3e-6F, 0, DType::kFloat16), 0xca5c40fbaccb6e2bU);
  EXPECT_EQ(hash("w", 0.02F, 0, DType::kBFloat16), 0x1440e3f27cc76711U);
  EXPECT_EQ(hash("norm", 0.1F, 1, DType::kBFloat16), 0x9012d95542ba5a68U);
}

TEST(SeededWeights, BytesEqualThePythonGenerators) {
  const uint64_t key = seeded_key(12345, "b");
  EXPECT_EQ(fnv1a(seeded_bytes_within(key, 10007, 0, 255)), 0x13d82fb8113757f5U);
  EXPECT_EQ(fnv1a(seeded_bytes_within(key, 10007, 120, 122)), 0x6ee04ecdd1be0f71U);
}

TEST(SeededWeights, RoundingToHalfInvertsReadingIt) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const Float16 half{static_cast<uint16_t>(bits)};
    const float value = to_float(half);
    if (std::isnan(value)) continue;
    ASSERT_EQ(to_float16(value).bits, half.bits);
  }
  EXPECT_EQ(to_float16(1.0F + 0x1p-11F).bits, 0x3C00);                 // a tie goes to the even value
  EXPECT_EQ(to_float16(1.0F + 0x1p-11F + 0x1p-20F).bits, 0x3C01);      // more than a tie goes up
  EXPECT_EQ(to_float16(std::nextafter(0x1p-14F, 0.0F)).bits, 0x0400);  // the largest denormal rounds up to a normal
  EXPECT_EQ(to_float16(1e9F).bits, 0x7C00);
}

}  // namespace
}  // namespace braid::testing
