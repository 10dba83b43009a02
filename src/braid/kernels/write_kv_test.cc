// write_kv of every tier writes the same bytes as the definition, in every page.
#include <array>
#include <cmath>

#include "braid/kernels/kv_layout.h"
#include "tests/support/kernels/attention_cases.h"

namespace braid::testing {
namespace {

class WriteKv : public EveryTier {};
BRAID_FOR_EVERY_TIER(WriteKv);

bool same_bytes(const TestCache& a, const TestCache& b, int64_t num_pages) {
  const auto bytes = static_cast<size_t>(num_pages * a.layer().page_bytes());
  return std::memcmp(a.layer().keys, b.layer().keys, bytes) == 0 &&
         std::memcmp(a.layer().values, b.layer().values, bytes) == 0;
}

TEST_P(WriteKv, WritesWhatTheDefinitionWrites) {
  for (const auto& [dtype, codes] : kKvKinds) {
    for (const int32_t page_size : {16, 48}) {
      for (const int32_t head_dim : {8, 40, 128}) {
        const CacheShape shape = {
            .num_kv_heads = 3, .head_dim = head_dim, .dtype = dtype, .codes = codes, .page_size = page_size};
        constexpr int64_t kLen = 140;
        const TestCache expected(shape, 3, kLen, 1);
        const TestCache actual(shape, 3, kLen, 1);
        const int64_t width = int64_t{3} * head_dim;
        // Keys and values as columns of one wider matrix, as a fused projection produces them.
        const Matrix kv = odd_matrix(3 * kLen, 2 * width + 5, 2);
        const ConstRows k = kv.view.slice_cols(0, width);
        const ConstRows v = kv.view.slice_cols(width + 5, width);
        const auto write_both = [&](const std::vector<AttentionSequence>& batch) {
          ref_->write_kv(k, v, batch, expected.layer());
          three_.ops->write_kv(k, v, batch, actual.layer());
        };
        write_both({expected.sequence(0, 3, 0, 1), expected.sequence(2, 10, 0, 100)});
        write_both(
            {expected.sequence(0, 0, 1, 30), expected.sequence(1, 200, 0, 16), expected.sequence(2, 40, 100, 1)});
        write_both({expected.sequence(0, 0, 31, 1), expected.sequence(2, 40, 101, 39)});
        EXPECT_TRUE(same_bytes(expected, actual, 3 * ((kLen + page_size - 1) / page_size)))
            << kv_dtype_name(dtype, codes) << " head_dim " << head_dim << " page " << page_size;
      }
    }
  }
}

// One token of one head, written by every tier and by the definition.
class CodesOfAHead {
 public:
  CodesOfAHead(Ops& ops, const std::vector<float>& head, KvCodes codes, float fixed_scale = 0)
      : shape_{.num_kv_heads = 1, .head_dim = static_cast<int32_t>(head.size()), .codes = codes},
        cache_(shape_, 1, 16, 1) {
    Matrix kv(DType::kFloat32, 1, static_cast<int64_t>(head.size()));
    std::ranges::copy(head, kv.view.row<float>(0));
    KvLayer layer = cache_.layer();
    layer.key_scale = layer.value_scale = fixed_scale;
    const AttentionSequence first = cache_.sequence(0, 0, 0, 1);
    ops.write_kv(kv.view, kv.view, {&first, 1}, layer);
  }

  float scale() const { return to_float(*reinterpret_cast<const BFloat16*>(cache_.layer().keys)); }
  float key(int64_t dim) const {
    return kv_load(cache_.layer(), cache_.layer().keys, 0, key_in_strip(cache_.layer(), 0, dim));
  }
  float value(int64_t dim) const {
    return kv_load(cache_.layer(), cache_.layer().values, 0, value_in_strip(cache_.layer(), 0, dim));
  }

 private:
  CacheShape shape_;
  TestCache cache_;
};

TEST_P(WriteKv, CodesAreTheNearestMultiplesOfTheirHeadsScale) {
  for (const KvCodes codes : {KvCodes::kInt8, KvCodes::kE4m3}) {
    for (const float size : {1e-38F, 1e-25F, 1e-3F, 1.0F, 300.0F, 1e30F}) {
      std::vector<float> head(24);
      std::mt19937 random(3);
      for (float& x : head) x = size * std::normal_distribution<float>()(random);
      float largest = 0;
      for (const float x : head) largest = std::max(largest, std::abs(x));
      for (Ops* ops : {ref_.get(), one_.ops.get()}) {
        const CodesOfAHead written(*ops, head, codes);
        // Of the largest element: half a step of int8, or of E4M3 below 448; and what the scale is rounded up by.
        const float relative = codes == KvCodes::kInt8 ? 0.5F / 127 : 16.0F / 448;
        const float bound = std::max(largest * relative * 1.01F, 0x1p-100F);
        for (int64_t dim = 0; dim < 24; ++dim) {
          EXPECT_NEAR(written.key(dim), head[static_cast<size_t>(dim)], bound) << kv_dtype_name({}, codes);
          EXPECT_EQ(written.key(dim), written.value(dim));
        }
      }
    }
  }
}

TEST_P(WriteKv, AHeadThatIsNotFiniteHasAScaleThatIsNoNumber) {
  for (const KvCodes codes : {KvCodes::kInt8, KvCodes::kE4m3}) {
    for (const float poison : {std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity(),
                               std::numeric_limits<float>::quiet_NaN()}) {
      const CodesOfAHead written(*one_.ops, {1, 2, 3, poison, 5, 6, 7, 8}, codes, 2);
      EXPECT_TRUE(std::isnan(written.key(0)) && std::isnan(written.value(7)));
    }
    const CodesOfAHead zeros(*one_.ops, std::vector<float>(8), codes);
    EXPECT_EQ(zeros.key(3), 0);
  }
}

TEST_P(WriteKv, AScaleFromTheCheckpointSaturates) {
  const CodesOfAHead written(*one_.ops, {1000, -1000, 896, 3, -0.004F, 0.001F, 0.0009F, 1e-9F}, KvCodes::kE4m3, 2);
  EXPECT_EQ(written.scale(), 2);
  const std::array<float, 8> expected = {896, -896, 896, 3, -0.00390625F, 0, 0, 0};
  for (int64_t dim = 0; dim < 8; ++dim) EXPECT_EQ(written.key(dim), expected[static_cast<size_t>(dim)]) << dim;
}

TEST(Float8, EveryE4m3IsRoundedToItselfAndItsNeighboursToIt) {
  for (int byte = 0; byte < 0x7f; ++byte) {
    const float value = e4m3_to_float(static_cast<uint8_t>(byte));
    EXPECT_EQ(to_e4m3(value), byte);
    EXPECT_EQ(to_e4m3(-value), byte | 0x80);
    if (byte == 0x7e) continue;
    const float middle = (value + e4m3_to_float(static_cast<uint8_t>(byte + 1))) / 2;
    EXPECT_EQ(to_e4m3(middle), byte + byte % 2) << "ties go to the even code";
    EXPECT_EQ(to_e4m3(std::nextafter(middle, 0.0F)), byte);
    EXPECT_EQ(to_e4m3(std::nextafter(middle, 1e9F)), byte + 1);
  }
}

TEST_P(WriteKv, TheFirstTokenOfAStripZeroesTheRest) {
  const CacheShape shape = {.num_kv_heads = 1, .head_dim = 8};
  const TestCache cache(shape, 1, 32, 1);
  const Matrix kv = random_matrix(1, 8, 2);
  const AttentionSequence first = cache.sequence(0, 0, 16, 1);
  one_.ops->write_kv(kv.view, kv.view, {&first, 1}, cache.layer());
  const KvLayer& layer = cache.layer();
  const int64_t strip = kv_strip_offset(layer, kv_slot(layer, first.pages, 16), 0);
  for (int64_t token = 0; token < 16; ++token) {
    for (int64_t dim = 0; dim < 8; ++dim) {
      const float expected = token == 0 ? to_float(to_bfloat16(kv.at(0, dim))) : 0.0F;
      EXPECT_EQ(kv_load(layer, layer.keys + strip, token, key_in_strip(layer, token, dim)), expected);
      EXPECT_EQ(kv_load(layer, layer.values + strip, token, value_in_strip(layer, token, dim)), expected);
    }
  }
}

}  // namespace
}  // namespace braid::testing
