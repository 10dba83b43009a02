// write_kv of every tier writes the same bytes as the definition, in every page.
#include "braid/kernels/kv_layout.h"
#include "tests/support/kernels/attention_cases.h"

namespace braid::testing {
namespace {

class WriteKv : public EveryTier {};
BRAID_FOR_EVERY_TIER(WriteKv);

bool same_bytes(const TestCache& a, const TestCache& b, int64_t num_pages) {
  const auto bytes = static_cast<size_t>(num_pages * a.layer().page_elements() * dtype_bytes(a.layer().dtype));
  return std::memcmp(a.layer().keys, b.layer().keys, bytes) == 0 &&
         std::memcmp(a.layer().values, b.layer().values, bytes) == 0;
}

TEST_P(WriteKv, WritesWhatTheDefinitionWrites) {
  for (const DType dtype : {DType::kBFloat16, DType::kFloat32}) {
    for (const int32_t page_size : {16, 48}) {
      for (const int32_t head_dim : {8, 40, 128}) {
        const CacheShape shape = {.num_kv_heads = 3, .head_dim = head_dim, .dtype = dtype, .page_size = page_size};
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
            << dtype_name(dtype) << " head_dim " << head_dim << " page " << page_size;
      }
    }
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
      EXPECT_EQ(kv_load(layer, layer.keys, strip + key_in_strip(layer, token, dim)), expected);
      EXPECT_EQ(kv_load(layer, layer.values, strip + value_in_strip(layer, token, dim)), expected);
    }
  }
}

}  // namespace
}  // namespace braid::testing
