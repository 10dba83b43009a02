// Attention with AVX-512 and vdpbf16ps. Tested by kernels/paged_attention_test.cc.
#include "braid/kernels/cpu/attention_avx512bf16_inl.h"

namespace braid::cpu {
namespace {

template <typename Tier>
constexpr AttentionTier tier_with() {
  return {.bfloat16 = AttentionKernel<Tier, DotPairs>::table(),
          .float32 = AttentionKernel<Tier, Floats<Tier>>::table(),
          .int8 = AttentionKernel<Tier, CodePairs<KvCodes::kInt8>>::table(),
          .e4m3 = AttentionKernel<Tier, CodePairs<KvCodes::kE4m3>>::table()};
}
constexpr AttentionTier kTier = tier_with<Avx512Bf16>();
constexpr AttentionTier kTierOfSmallL1 = tier_with<Avx512Bf16OfSmallL1>();

}  // namespace

const AttentionTier& attention_avx512bf16(bool has_small_l1) {
  return has_small_l1 ? kTierOfSmallL1 : kTier;
}

}  // namespace braid::cpu
